"""Tests that after kill -9 during speech, delivery and `--recover` give every word once."""

from __future__ import annotations

import json
import random
import signal
import time
from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.integration.dictate.speech import SENTENCES, Talk, make_talk, spoken_text
from tests.integration.transcribe.command import MOCK, run, start
from tests.integration.transcribe.words import errors, spoken

WHISPER = {"PARAKEET_ENGINE": "whisper", "PARAKEET_MODEL": "tiny.en"}
_GRACE = 0.2  # seconds before the kill in which words may be missing


def killed_at(folder: Path, talk: Talk, seconds: float, engine: dict[str, str]) -> float:
    """Play the talk in real time and kill the command; how much of it had been played."""
    out = (folder / "events").open("wb")
    process = start(
        folder,
        *("dictate", "--from-file", talk.path, "--json", "--sink", "file:out.txt"),
        engine=engine,
        stdout=out,
    )
    began: float | None = None
    while began is None:
        assert process.poll() is None, process.communicate()[1].decode()
        lines = (folder / "events").read_bytes().splitlines()
        began = float(json.loads(lines[0])["wall"]) if lines else None
        time.sleep(0.02)
    time.sleep(max(0.0, began + seconds - time.time()))
    process.send_signal(signal.SIGKILL)
    played = time.time() - began
    process.communicate()
    return played


def recovered(folder: Path, engine: dict[str, str]) -> str:
    arguments = ("dictate", "--recover", "--sink", "file:out.txt")
    done = run(folder, *arguments, engine=engine, limit=300)
    assert done.code == 0, done.err
    assert not list((folder / ".local/state/parakeet/dictation").glob("*/"))
    out = folder / "out.txt"
    return out.read_text(encoding="utf-8") if out.exists() else ""


def check_mock(folder: Path, seed: int, *, clips: int) -> None:
    rng = random.Random(seed)
    talk = make_talk(folder, clips, pause=rng.choice((0.2, 0.8, 1.2)))
    engine = MOCK | {"PARAKEET_MOCK_RTF": rng.choice(("0", "0.1", "0.5"))}
    played = killed_at(folder, talk, rng.uniform(0.5, talk.seconds), engine)
    words = recovered(folder, MOCK).lower().split()
    assert len(words) == len(set(words)), f"seed {seed}: twice in {words}"
    due = [word for _, end, word in talk.words if end <= played - _GRACE]
    assert words[: len(due)] == due, f"seed {seed}, killed at {played:.3f} s: {words}"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(15))
def test_killed_at_any_moment_no_word_is_lost_or_written_twice(tmp_path: Path, seed: int) -> None:
    check_mock(tmp_path, seed, clips=2)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 300))
def test_killed_two_hundred_times(tmp_path: Path, seed: int) -> None:
    check_mock(tmp_path, seed, clips=5)


def check_whisper(folder: Path, seed: int) -> None:
    """Check against whisper's text of the same sound without a kill."""
    rng = random.Random(seed)
    talk = make_talk(folder, 4, pause=1.0)
    moment = rng.uniform(3.0, talk.seconds - 1.0)
    played = killed_at(folder, talk, moment, WHISPER)
    found = spoken(recovered(folder, WHISPER))
    whole = run(
        folder,
        *("dictate", "--from-file", talk.path, "--fast", "--duration", str(played)),
        engine=WHISPER,
        limit=300,
    )
    expected = spoken(whole.out.decode())
    known = " ".join(spoken_text(clip) for clip in islice(cycle(SENTENCES), 4)).split()
    truth = [word for (_, end, _), word in zip(talk.words, known, strict=True) if end <= played]
    # The kill ends an utterance in mid-word, and whisper writes such an end in several ways.
    # An utterance that is lost or written twice is seven words or more.
    assert errors(truth, found) <= errors(truth, expected) + 4, (found, expected)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_killed_while_whisper_transcribes(tmp_path: Path, seed: int) -> None:
    check_whisper(tmp_path, seed)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 110))
def test_killed_ten_times_while_whisper_transcribes(tmp_path: Path, seed: int) -> None:
    check_whisper(tmp_path, seed)


def test_a_recording_in_use_is_left_alone(tmp_path: Path) -> None:
    talk = make_talk(tmp_path, 6)
    process = start(tmp_path, "dictate", "--from-file", talk.path, "--json", stdout=-1)
    assert process.stdout is not None
    process.stdout.readline()
    done = run(tmp_path, "dictate", "--recover")
    assert (done.code, done.out) == (0, b"")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err.decode()
    assert b'"final"' in out or b'"speech_start"' not in out
