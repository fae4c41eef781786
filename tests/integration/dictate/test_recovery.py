"""Tests that text that was not delivered is kept, shown, and delivered later."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.integration.dictate.desktop import until, x11
from tests.integration.dictate.speech import make_talk
from tests.integration.transcribe.command import run, start
from tests.integration.transcribe.test_crashes import mounted


def test_a_failing_sink_loses_no_word(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 2)
    words = [word for _, _, word in talk.words]
    failed = run(
        tmp_path,
        *("dictate", "--from-file", talk.path, "--fast", "--sink", "command:exit 3"),
        limit=300,
    )
    assert failed.code == 1
    assert "--recover" in failed.err
    shown = run(tmp_path, "dictate", "history", "--json")
    entries = [json.loads(line) for line in shown.out.splitlines()]
    assert [entry["delivered"] for entry in entries] == [False, False]
    assert " ".join(entry["text"] for entry in entries).lower().split() == words
    recovered = run(tmp_path, "dictate", "--recover", "--json", limit=300)
    events = [json.loads(line) for line in recovered.out.splitlines()]
    assert {event["event"] for event in events} == {"recovered"}
    assert " ".join(event["text"] for event in events).lower().split() == words
    again = run(tmp_path, "dictate", "--recover")
    assert (again.code, again.out) == (0, b"")


def test_the_same_text_twice_is_kept_twice(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 2)
    once = (talk.words[0], talk.words[-1])
    cues = "".join(f"{start:.4f}\t{end:.4f}\tagain\n" for start, end, _ in once)
    talk.path.with_suffix(".cues.tsv").write_text(cues, encoding="utf-8")
    failing = ("--no-history", "--sink", "command:exit 3")
    failed = run(tmp_path, "dictate", "--from-file", talk.path, "--fast", *failing, limit=300)
    assert failed.code == 1
    shown = run(tmp_path, "dictate", "history", "--json")
    entries = [json.loads(line) for line in shown.out.splitlines()]
    stored = [(entry["text"].lower(), entry["delivered"]) for entry in entries]
    assert stored == [("again", False), ("again", False)]


def test_a_file_gets_text_once_that_another_sink_did_not_take(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 2)
    file = ("--sink", "file:out.txt")
    play = ("dictate", "--from-file", talk.path, "--fast")
    failed = run(tmp_path, *play, *file, "--sink", "command:exit 3", limit=300)
    assert failed.code == 1
    recover = ("dictate", "--recover", *file, "--sink", "command:cat >> given")
    assert run(tmp_path, *recover, limit=300).code == 0
    words = [word for _, _, word in talk.words]
    for name in ("out.txt", "given"):
        assert (tmp_path / name).read_text(encoding="utf-8").lower().split() == words


def test_of_two_files_only_the_one_that_failed_gets_the_text_again(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 2)
    words = [word for _, _, word in talk.words]
    (tmp_path / "full").mkdir()
    sinks = ("--sink", "file:out.txt", "--sink", "file:full/out.txt")
    with mounted(tmp_path / "full", "size=4k") as full:
        (full / "all.bin").write_bytes(bytes(4096))
        play = ("dictate", "--from-file", talk.path, "--fast")
        failed = run(tmp_path, *play, *sinks, limit=300)
        assert failed.code == 1, failed.err
        assert "No space left on device" in failed.err
        (full / "all.bin").unlink()
        assert run(tmp_path, "dictate", "--recover", *sinks, limit=300).code == 0
        for name in ("out.txt", "full/out.txt"):
            assert (tmp_path / name).read_text(encoding="utf-8").lower().split() == words


def test_a_text_that_a_command_may_have_is_shown_and_not_given_to_it_again(
    tmp_path: Path,
) -> None:
    """The command kills parakeet, which then can't know what became of the text."""
    talk = make_talk(tmp_path, 2)
    words = [word for _, _, word in talk.words]
    killed = run(
        tmp_path,
        *("dictate", "--from-file", talk.path, "--fast"),
        *("--sink", "command:cat >> given; kill -9 $PPID"),
        limit=300,
    )
    assert killed.code == -9
    given = (tmp_path / "given").read_text().lower().split()
    waiting = run(tmp_path, "dictate", "history")
    assert "(perhaps inserted)" in waiting.out.decode()
    recovered = run(tmp_path, "dictate", "--recover", limit=300)
    assert recovered.code == 0
    found = [*given, *recovered.out.decode().lower().split()]
    assert len(found) > len(given)
    assert found == words[: len(found)]  # --fast: the rest had not been played yet
    (line,) = (line for line in recovered.err.splitlines() if "not inserted again" in line)
    assert "on its way to a command" in line
    assert line.lower().split()[-len(given) :] == given
    entries = [
        json.loads(line) for line in run(tmp_path, "dictate", "history", "--json").out.splitlines()
    ]
    assert [entry["delivered"] for entry in entries] == [None, True]
    again = run(tmp_path, "dictate", "--recover", limit=300)
    assert (again.code, again.out, "not inserted again" in again.err) == (0, b"", False)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names an open file")
@pytest.mark.parametrize("events", [False, True])
def test_a_file_that_was_stdout_is_checked_for_the_text(tmp_path: Path, events: bool) -> None:
    talk = make_talk(tmp_path, 2)
    out = tmp_path / "out"
    # The text is in stdout's file when the other sink's command kills the process.
    sinks = ("--sink", "stdout", "--sink", "command:kill -9 $PPID")
    through = ("sh", "-c", 'exec "$@" > out', "sh")
    how = ("--json", "--sink", f"file:{out}", *sinks[2:]) if events else sinks
    arguments = ("dictate", "--from-file", talk.path, "--fast", *how)
    assert run(tmp_path, *arguments, through=() if events else through, limit=300).code == -9
    first = out.read_text().lower().split()
    recovered = run(tmp_path, "dictate", "--recover", limit=300)
    assert "not inserted again" not in recovered.err
    found = [*first, *recovered.out.decode().lower().split()]
    assert len(found) > len(first) > 0
    assert found == [word for _, _, word in talk.words][: len(found)]


def test_killed_while_typing_it_types_nothing_twice_and_loses_nothing(
    tmp_path: Path,
) -> None:
    talk = make_talk(tmp_path, 2)
    words = [f"{word}{'x' * 60}" for _, _, word in talk.words]  # typing takes its time
    lines = (f"{a}\t{b}\t{word}\n" for (a, b, _), word in zip(talk.words, words, strict=True))
    talk.path.with_suffix(".cues.tsv").write_text("".join(lines))
    with x11(tmp_path) as desktop:
        window = desktop.terminal("window")
        process = start(
            tmp_path,
            *("dictate", "--from-file", talk.path, "--fast", "--sink", "type:xtest"),
            env=desktop.env | {"HOME": str(tmp_path)},
        )
        assert until(lambda: len(window.text) > 100)
        process.kill()
        assert process.wait() == -9, "it had typed everything before it was killed"
        process.communicate()
        recovered = run(
            tmp_path,
            *("dictate", "--recover", "--sink", "type:xtest", "--json"),
            env=desktop.env | {"HOME": str(tmp_path)},
            limit=300,
        )
        events = [json.loads(line) for line in recovered.out.splitlines()]
        (shown,) = (event["uncertain"] for event in events if event["event"] == "error")
        texts = [event["text"] for event in events if event["event"] == "recovered"]
        assert until(lambda: window.text.endswith(texts[-1]))
        typed = window.text.lower()
    assert recovered.code == 0
    found = f"{shown} {' '.join(texts)}".lower().replace(".", "").split()
    assert len(found) > len(shown.split())
    assert found == words[: len(found)]
    assert all(typed.count(word) <= 1 for word in found)
    assert all(typed.count(word) == 1 for word in found[len(shown.split()) :])


def test_options_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    for arguments in (
        ("--fast",),
        ("--from-file", "a.wav", "--input-device", "0"),
        ("--recover", "--from-file", "a.wav"),
        ("--json", "--sink", "stdout", "--from-file", "a.wav"),
        ("--from-file", "a.wav", "--sink", "nowhere"),
    ):
        assert run(tmp_path, "dictate", *arguments).code == 2, arguments
    missing = run(tmp_path, "dictate", "--from-file", "no-such.wav", limit=120)
    assert missing.code == 1
    assert "no-such.wav" in missing.err
