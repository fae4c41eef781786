"""Tests that text settles, and the preview goes on, while somebody speaks without a break."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.integration.dictate.speech import SENTENCES, Talk, make_talk, spoken_text
from tests.integration.transcribe.command import MOCK, run
from tests.integration.transcribe.words import errors, spoken

UNBROKEN = ("--max-silence", "5")  # longer than any pause in the talk
WHISPER = {"PARAKEET_ENGINE": "whisper", "PARAKEET_MODEL": "tiny.en"}


def dictated(
    folder: Path, talk: Talk, *options: str, engine: Mapping[str, str] = MOCK
) -> list[dict[str, Any]]:
    arguments = ("--json", *UNBROKEN, *options)
    done = run(folder, "dictate", "--from-file", talk.path, *arguments, engine=engine, limit=300)
    assert done.code == 0, done.err
    return [json.loads(line) for line in done.out.splitlines()]


@pytest.mark.slow
def test_text_settles_each_8_s_with_every_word_once_and_partials_in_between(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 7, pause=0.0)
    assert talk.seconds > 25
    events = dictated(tmp_path, talk)
    kinds = [event["event"] for event in events]
    finals = [event for event in events if event["event"] == "final"]
    text = "".join(event["inserted"] for event in finals)
    assert text.lower().split() == [word for _, _, word in talk.words]
    ends = [talk.words[0][0], *(event["end"] for event in finals)]
    assert all(later - earlier < 8 for earlier, later in pairwise(ends))
    assert (kinds.count("speech_start"), kinds.count("speech_end")) == (1, 1)
    places = [at for at, kind in enumerate(kinds) if kind == "final"]
    assert all("partial" in kinds[a:b] for a, b in pairwise([0, *places[:-1]]))


def test_on_stdout_unbroken_speech_is_one_line(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 3, pause=0.0)
    done = run(tmp_path, "dictate", "--from-file", talk.path, *UNBROKEN, limit=300)
    (line,) = done.out.decode().lower().splitlines()
    assert line.split() == [word for _, _, word in talk.words]
    assert len(run(tmp_path, "dictate", "history", "--json").out.splitlines()) > 1


@pytest.mark.slow
def test_a_model_s_text_is_as_good_in_unbroken_speech(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 5, pause=0.0)
    truth = spoken(" ".join(spoken_text(clip) for clip in SENTENCES[:5]))
    finals = [
        event["inserted"]
        for event in dictated(tmp_path, talk, engine=WHISPER)
        if event["event"] == "final"
    ]
    at_once = run(tmp_path, "transcribe", talk.path, engine=WHISPER, limit=300)
    wrong = errors(truth, spoken("".join(finals)))
    assert len(finals) >= 2
    assert wrong <= errors(truth, spoken(at_once.out.decode())) + 0.04 * len(truth), finals


def test_a_killed_dictation_loses_no_word_of_unbroken_speech(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 4, pause=0.0)
    sink = f"cat >> {tmp_path / 'given'}; kill -9 $PPID"
    arguments = ("--from-file", talk.path, *UNBROKEN, "--sink", f"command:{sink}")
    assert run(tmp_path, "dictate", *arguments, limit=300).code == -9
    given = (tmp_path / "given").read_text(encoding="utf-8").lower().split()
    recovered = run(tmp_path, "dictate", "--recover", limit=300)
    assert recovered.code == 0, recovered.err
    found = [*given, *recovered.out.decode().lower().split()]
    assert len(found) > len(given) > 0
    assert found == [word for _, _, word in talk.words[: len(found)]]
