from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.dictate.sinks import command, make_sink
from parakeet_cli.errors import SinkError, SinkUnavailable


def test_each_utterance_is_a_line_for_a_run_of_the_command(tmp_path: Path) -> None:
    sink = make_sink(f"command:(cat; echo end) >> '{tmp_path / 'got'}'")
    sink.open()
    for text in ("Grüße 🦜,", " von mir.", "\n", "  "):
        sink.insert(text)
    assert (tmp_path / "got").read_text(encoding="utf-8") == "Grüße 🦜,\nend\nvon mir.\nend\n"


def test_a_command_with_a_colon_is_one_command(tmp_path: Path) -> None:
    sink = make_sink(f"command:sed s:a:b: > '{tmp_path / 'got'}'")
    sink.open()
    sink.insert("a")
    assert (tmp_path / "got").read_text(encoding="utf-8") == "b\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("cat > /dev/null; echo first >&2; echo last >&2; exit 3", "exit code 3: last"),
        ("exit 1", "exit code 1."),
        ("kill -9 $$", "ended by SIGKILL"),
        ("cat > /dev/full", "exit code 1"),
    ],
)
def test_the_error_says_how_a_command_failed(line: str, reason: str) -> None:
    sink = make_sink(f"command:{line}")
    sink.open()
    with pytest.raises(SinkError) as failed:
        sink.insert("Text.")
    assert reason in str(failed.value)


def test_a_command_that_reads_nothing_has_not_failed() -> None:
    sink = make_sink("command:true")
    sink.open()
    sink.insert("Text. " * 100_000)  # more than a pipe holds


def test_a_command_that_never_ends_is_killed_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LIMIT", 0.5)
    sink = make_sink(f"command:echo $$ > '{tmp_path / 'pid'}'; sleep 600; true")
    sink.open()
    with pytest.raises(SinkError, match="had not ended"):
        sink.insert("Text.")
    pid = (tmp_path / "pid").read_text().strip()
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize("line", ["no-such-program --at all", "'unfinished"])
def test_a_command_that_can_t_run_is_refused_before_dictation_starts(line: str) -> None:
    with pytest.raises(SinkUnavailable):
        make_sink(f"command:{line}").open()


@pytest.mark.parametrize("line", ["cat", "while read x; do :; done", "A=1 cat", "[ 1 ] && cat"])
def test_keywords_and_builtins_of_the_shell_are_accepted(line: str) -> None:
    assert line in make_sink(f"command:{line}").open()


def test_undo_is_refused() -> None:
    sink = make_sink("command:cat")
    with pytest.raises(SinkError, match="taken back"):
        sink.undo("Text.")
