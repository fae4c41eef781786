"""`parakeet dictate`, with a file played as the microphone."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import Any

import numpy as np

from tests.integration.unchanged.running import Files, as_json, case, made, parakeet, stable
from tests.media_files import SAMPLES

SAID = (
    ("sense_0880.wav", "hello parakeat world"),
    ("sense_0930.wav", "new line"),
    ("sense_0890.wav", "see you, by the way, at number 7"),
    ("sense_0880.wav", "this was wrong"),
    ("sense_0930.wav", "scratch that"),
    ("sense_0890.wav", "and an end full stop"),
)
PLAY = ("dictate", "--from-file", "talk.wav", "--fast")


def talk(folder: Path, said: tuple[tuple[str, str], ...] = SAID, lead: float = 0.3) -> Path:
    """Clips with a second between them, and what the mock engine hears in each."""
    rate = 16_000
    pieces, lines, at = [np.zeros(round(lead * rate), np.int16)], [], round(lead * rate)
    for name, text in said:
        with wave.open(str(SAMPLES / name)) as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        words = text.split()
        begin, each = at / rate + 0.6, 0.18
        lines += [
            f"{begin + each * number:.3f}\t{begin + each * (number + 1):.3f}\t{word}\n"
            for number, word in enumerate(words)
        ]
        pieces += [pcm, np.zeros(rate, np.int16)]
        at += len(pcm) + rate
    path = folder / "talk.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, rate, 0, "NONE", ""))
        out.writeframes(np.concatenate(pieces).astype("<i2").tobytes())
    path.with_suffix(".cues.tsv").write_text("".join(lines), encoding="utf-8")
    return path


def configuration(folder: Path) -> tuple[str, str]:
    content = {"vocabulary": ["Parakeet"], "replacements": {"by the way": "BTW"}}
    (folder / "config.json").write_text(json.dumps(content), encoding="utf-8")
    return "--config", "config.json"


def events(out: bytes) -> dict[str, list[dict[str, Any]]]:
    """By their kinds: a text may arrive before or after the next one begins to be said.

    `wall` and `engine_seconds` are the clock's, and so is `t` but for where speech begins
    and ends.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for line in out.splitlines():
        event = json.loads(line)
        assert isinstance(event.pop("wall"), float)
        if event["event"] not in ("speech_start", "speech_end"):
            assert isinstance(event.pop("t"), float)
        if "engine_seconds" in event:
            event["engine_seconds"] = type(event["engine_seconds"]).__name__
        found.setdefault(event["event"], []).append(event)
    return found


@case
def a_dictation(folder: Path) -> Files:
    talk(folder)
    config = configuration(folder)
    plain = parakeet(folder, *PLAY, *config)
    told = parakeet(folder, *PLAY, *config, "--json", "--no-history")
    parakeet(folder, *PLAY, *config, "--sink", "file:notes.txt", "--sink", "command:cat >> got")
    literal = parakeet(folder, *PLAY, "--no-commands", "--no-history")
    history = parakeet(folder, "dictate", "history", "--json")
    entries = [json.loads(line) for line in history.out.splitlines()]
    assert all(isinstance(entry.pop("wall"), float) for entry in entries)
    return {
        "stdout.txt": plain.out,
        "literal.txt": literal.out,
        "events.json": stable(as_json(events(told.out)), folder),
        "got.txt": (folder / "got").read_bytes(),
        "history.json": as_json(entries),
        "home.json": as_json(sorted(made(folder, "home/state"))),
        "notes.txt": (folder / "notes.txt").read_bytes(),
    }


@case
def a_dictation_that_did_not_arrive(folder: Path) -> Files:
    talk(folder, SAID[:3])
    parakeet(folder, *PLAY, "--sink", "command:exit 3", code=1)
    waiting = parakeet(folder, "dictate", "history", "--json")
    entries = [json.loads(line) for line in waiting.out.splitlines()]
    assert all(isinstance(entry.pop("wall"), float) for entry in entries)
    (journal,) = (folder / "home/state/parakeet/dictation").glob("*/journal.jsonl")
    lines = [json.loads(line) for line in journal.read_bytes().splitlines()]
    for line in lines:
        for name in ("wall", "began"):
            if name in line:
                line[name] = type(line[name]).__name__
    files = sorted(path.name for path in journal.parent.iterdir())
    recovered = parakeet(folder, "dictate", "--recover", "--json")
    return {
        "waiting.json": as_json(entries),
        "files.json": as_json(files),
        "journal.json": stable(as_json(lines), folder),
        "recovered.json": as_json(events(recovered.out)),
    }
