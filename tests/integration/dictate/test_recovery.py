"""What did not arrive is kept, shown, and delivered later."""

from __future__ import annotations

import json
from pathlib import Path

from tests.integration.dictate.speech import make_talk
from tests.integration.transcribe.command import run


def test_a_sink_that_fails_costs_no_word(tmp_path: Path) -> None:
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
