from __future__ import annotations

from pathlib import Path

from parakeet_cli.dictate.recording.journal import DictationJournal, Target, read_journal


def test_a_journal_says_up_to_where_everything_is_settled(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = DictationJournal(path)
    journal.write(version=1, source="x", sinks=[])
    journal.write(heard=[0, 100])
    one = journal.write_intent(100, 200, "One.")
    journal.write(done=one)
    two = journal.write_intent(200, 300, " Two.", [Target("file", "/f", 5)])
    journal.write(failed=[300, 400])
    three = journal.write_intent(400, 500, " Three.")
    journal.write(kept=three)
    journal.close()
    with path.open("a", encoding="utf-8") as file:
        file.write('{"intent": 9, "of": [500, 60')  # torn by a kill
    state = read_journal(path)
    assert state.settled == 500
    assert state.failed == [(300, 400)]
    assert [intent.text for intent in state.uncertain.values()] == [" Two."]
    assert state.uncertain[two].to == (Target("file", "/f", 5),)
    assert [intent.text for intent in state.undelivered.values()] == [" Three."]
    assert state.needed_from == 300


def test_a_failed_interval_is_settled_once_it_is_transcribed(tmp_path: Path) -> None:
    journal = DictationJournal(tmp_path / "j")
    journal.write(failed=[0, 300])
    journal.write(heard=[100, 200])
    assert journal.state.failed == [(0, 100), (200, 300)]
    journal.write(heard=[0, 300])
    assert journal.state.failed == []
    journal.close()


def test_a_line_after_a_torn_one_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text('{"version": 1, "source": "x"}\n{"intent": 1, "of": [0, 60', encoding="utf-8")
    journal = DictationJournal(path)
    journal.write(quiet=100)
    journal.close()
    state = read_journal(path)
    assert (state.settled, state.uncertain, state.header["source"]) == (100, {}, "x")


# Lines as parakeet 0.1 wrote them: the files of an earlier version can still be recovered.
EARLIER = """\
{"version": 1, "source": "talk.wav", "sinks": ["command:exit 3"], "began": 1732700000.5}
{"gap": 50, "seconds": 2.5}
{"heard": [0, 100]}
{"intent": 1, "of": [100, 200], "text": "Für.", "to": [{"sink": "file", "path": "/f", "size": 7}], \
"wall": 1732700001.0, "replaced": ["A."], "instead": " B.", "again": null}
{"kept": 1, "text": "Für.", "lacking": ["/f"]}
{"intent": 2, "of": [100, 200], "text": "Für.", "to": [{"sink": "type", "path": null, "size": 0}], \
"wall": 1732700001.0, "replaced": [], "instead": "Für.", "again": 1}
{"quiet": 250}
{"failed": [250, 300]}
{"ended": true}
"""


def test_a_journal_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(EARLIER, encoding="utf-8")
    state = read_journal(path)
    assert (state.settled, state.failed, state.gaps) == (300, [(250, 300)], [(50, 2.5)])
    assert state.undelivered == {}
    assert [(intent.number, intent.text) for intent in state.uncertain.values()] == [(2, "Für.")]
    assert state.uncertain[2].to == (Target("type"),)


def test_lines_are_written_as_an_earlier_version_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = DictationJournal(path)
    number = journal.write_intent(
        100, 200, "Für.", [Target("file", "/f", 7)], wall=1.0, replaced=["A."], instead=" B."
    )
    journal.write(kept=number, text="Für.", lacking=("/f",))
    journal.close()
    lines = EARLIER.replace("1732700001.0", "1.0").splitlines()
    assert path.read_text(encoding="utf-8").splitlines() == lines[3:5]
