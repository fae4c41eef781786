"""Tests the command with a file played as the microphone, on the mock engine and whisper."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.integration.dictate.speech import SENTENCES, make_talk, read_wav, spoken_text, write_wav
from tests.integration.transcribe.command import Done, run
from tests.integration.transcribe.words import errors, spoken

WHISPER = {"PARAKEET_ENGINE": "whisper", "PARAKEET_MODEL": "tiny.en"}


def dictate(folder: Path, *arguments: str | Path, **options: Any) -> Done:
    return run(folder, "dictate", *arguments, limit=300, **options)


def events(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


def kinds(found: list[dict[str, Any]]) -> list[str]:
    return [event["event"] for event in found]


def test_every_word_comes_out_once_and_in_order(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 4)
    done = dictate(tmp_path, "--from-file", talk.path, "--fast", "--sink", "file:out.txt")
    assert done.code == 0, done.err
    text = (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert text.lower().split() == [word for _, _, word in talk.words]
    assert len(text.splitlines()) == 4


def test_events_come_in_order(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 2)
    found = events(dictate(tmp_path, "--from-file", talk.path, "--fast", "--json"))
    assert kinds(found) == ["ready"] + 2 * ["speech_start", "speech_end", "final"] or (
        [kind for kind in kinds(found) if kind != "final"]
        == ["ready"] + 2 * ["speech_start", "speech_end"]
        and kinds(found).count("final") == 2
    )
    assert all({"event", "t", "wall", "text"} <= set(event) for event in found)
    finals = [event["text"].lower().split() for event in found if event["event"] == "final"]
    assert [word for text in finals for word in text] == [word for _, _, word in talk.words]
    ends = [event["t"] for event in found if event["event"] == "speech_end"]
    assert all(abs(a - b) < 0.35 for a, b in zip(ends, talk.ends, strict=True))


def test_speech_that_begins_at_once_has_its_first_word(tmp_path: Path) -> None:
    clip = read_wav(SENTENCES[1])
    loud = abs(clip.astype(int)) > 500
    begun = clip[int(loud.argmax()) :]
    path = write_wav(tmp_path / "at-once.wav", begun)
    found = events(dictate(tmp_path, "--from-file", path, "--json", engine=WHISPER))
    final = next(event for event in found if event["event"] == "final")
    assert final["text"].lower().startswith("he was not")


def test_the_text_is_as_accurate_as_that_of_transcribe(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 5)
    truth = " ".join(spoken_text(clip) for clip in SENTENCES)
    dictated = dictate(tmp_path, "--from-file", talk.path, "--fast", engine=WHISPER)
    transcribed = run(tmp_path, "transcribe", talk.path, engine=WHISPER, limit=300)
    assert dictated.code == transcribed.code == 0, dictated.err + transcribed.err
    ours, theirs = (
        errors(spoken(truth), spoken(done.out.decode())) for done in (dictated, transcribed)
    )
    assert ours <= theirs + 0.02 * len(spoken(truth)), (dictated.out, transcribed.out)


def test_partials_grow_until_the_final(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 1)
    found = events(dictate(tmp_path, "--from-file", talk.path, "--json"))
    texts = [event["text"] for event in found if event["event"] == "partial"]
    assert len(texts) >= 2
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert kinds(found).index("partial") < kinds(found).index("final")
    quiet = events(dictate(tmp_path, "--from-file", talk.path, "--json", "--no-partials"))
    assert "partial" not in kinds(quiet)


def test_an_utterance_longer_than_the_engine_takes_loses_no_word(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 16, pause=0.0)  # over a minute without a pause of half a second
    done = dictate(
        tmp_path, "--from-file", talk.path, "--fast", "--sink", "file:o", "--max-silence", "3"
    )
    assert done.code == 0, done.err
    text = (tmp_path / "o").read_text(encoding="utf-8")
    assert text.lower().split() == [word for _, _, word in talk.words]
    assert len(text.splitlines()) >= 3


def test_duration_ends_it_and_the_last_words_are_transcribed(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 3)
    end = talk.words[5][1]
    found = events(
        dictate(tmp_path, "--from-file", talk.path, "--fast", "--json", "--duration", f"{end}")
    )
    text = " ".join(event["text"] for event in found if event["event"] == "final")
    assert text.lower().split() == [word for _, _, word in talk.words[:6]]


def test_the_recording_is_deleted_once_its_text_is_delivered(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 1)
    assert dictate(tmp_path, "--from-file", talk.path, "--fast").code == 0
    left = list((tmp_path / ".local/state/parakeet/dictation").iterdir())
    assert [path.name for path in left] == ["history.jsonl"]
    assert left[0].stat().st_mode & 0o777 == 0o600
    assert left[0].parent.stat().st_mode & 0o777 == 0o700


def test_history_shows_the_text_and_no_history_stores_none(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 1)
    dictate(tmp_path, "--from-file", talk.path, "--fast", "--no-history")
    assert dictate(tmp_path, "history").out == b""
    dictate(tmp_path, "--from-file", talk.path, "--fast")
    shown = dictate(tmp_path, "history", "--json")
    entry = json.loads(shown.out)
    assert entry["text"].lower().split() == [word for _, _, word in talk.words]
    assert entry["sinks"] == ["stdout"]
    dictate(tmp_path, "history", "--clear")
    assert dictate(tmp_path, "history").out == b""


def test_commands_act_and_the_configured_wording_is_used(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 3)
    cues = []
    for end, text in zip(
        talk.ends, ("Hello parakeat world.", "New line.", "see you by the way."), strict=True
    ):
        begin = end - 1.0
        for word in text.split():
            cues.append(f"{begin:.2f}\t{begin + 0.1:.2f}\t{word}\n")
            begin += 0.1
    talk.path.with_suffix(".cues.tsv").write_text("".join(cues), encoding="utf-8")
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps({"vocabulary": ["Parakeet"], "replacements": {"by the way": "BTW"}})
    )
    found = events(
        dictate(tmp_path, "--from-file", talk.path, "--fast", "--json", "--config", str(config))
    )
    inserted = "".join(
        event["inserted"] for event in found if event["event"] in ("final", "command")
    )
    assert inserted == "Hello Parakeet world.\nSee you BTW."
    assert [e["text"] for e in found if e["event"] == "command"] == ["new line"]
    plain = dictate(tmp_path, "--from-file", talk.path, "--fast", "--no-commands")
    assert b"New line." in plain.out


def test_a_dictation_ends_after_silence_and_each_text_is_filtered(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 2, pause=4.0)
    options = ("--fast", "--stop-after-silence", "2", "--filter", "tr w v")
    done = dictate(tmp_path, "--from-file", talk.path, *options)
    assert done.code == 0, done.err
    first = [word.replace("w", "v") for start, _, word in talk.words if start < talk.ends[0]]
    assert done.out.decode().lower().split() == first
    failing = dictate(tmp_path, "--from-file", talk.path, "--fast", "--json", "--filter", "false")
    kept = [event["text"] for event in events(failing) if event["event"] == "final"]
    said = [event["text"] for event in events(failing) if event["event"] == "error"]
    assert len(kept) == len(said) == 2
    assert all("The text is inserted as it was." in text for text in said)


def test_sound_that_was_kept_is_transcribed_again_and_deleted_by_its_age(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 2)
    play = ("--from-file", talk.path, "--fast")
    kept = tmp_path / ".local/state/parakeet/dictation/audio"
    assert dictate(tmp_path, *play).code == 0
    assert not kept.exists()
    assert b"--keep-audio" in dictate(tmp_path, "history", "--again", "1").err.encode()
    assert dictate(tmp_path, *play, "--keep-audio").code == 0
    files = sorted(kept.iterdir())
    assert [path.stat().st_mode & 0o777 for path in (kept, *files)] == [0o700, 0o600, 0o600]
    first = spoken_text(SENTENCES[0]).split()
    again = dictate(tmp_path, "history", "--again", "2", engine=WHISPER)
    assert again.code == 0, again.err
    assert errors(first, spoken(again.out.decode())) <= 0.2 * len(first)
    beyond = dictate(tmp_path, "history", "--again", "3")
    assert (beyond.code, "`history --again 2`" in beyond.err) == (1, True)
    old = kept / f"{files[0].stat().st_mtime - 8 * 86400:.3f}.wav"
    old.write_bytes(files[0].read_bytes())
    assert dictate(tmp_path, *play).code == 0
    assert sorted(kept.iterdir()) == files
    dictate(tmp_path, "history", "--clear")
    assert not kept.exists()
    assert dictate(tmp_path, *play, "--keep-audio", "--no-history").code == 2
