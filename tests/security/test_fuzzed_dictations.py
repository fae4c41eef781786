"""Damaged and hostile journals of dictations: the recovery touches its own recording alone.

Some hundred in every run, 10,000 in `make soak`. PARAKEET_SOAK_DICTATIONS sets another number,
PARAKEET_SOAK_SEED the seed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parakeet_cli.config.settings import Settings
from parakeet_cli.dictate.recording.journal import read_journal
from parakeet_cli.dictate.recording.recording import Recording
from parakeet_cli.dictate.session.events import Event
from parakeet_cli.dictate.session.recovery import find_undelivered
from parakeet_cli.dictate.session.request import DictationRequest
from parakeet_cli.dictate.session.resources import SessionResources
from parakeet_cli.errors import ParakeetError
from tests.fuzz.mutations import mutation
from tests.security.test_planted_dictations import everything

ALL = int(os.environ.get("PARAKEET_SOAK_DICTATIONS", "10000"))
SEED = int(os.environ.get("PARAKEET_SOAK_SEED", "20261128"))
SAMPLES = 8000  # recorded: half a second of silence, which no engine is asked about
HOSTILE: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2, SAMPLES, 1 << 53, 1 << 63, 1e308, float("nan"), float("inf")),
    *("", "canary", "\x1b]0;x\x07", "\u202e", "\ud800", "a\0b", "../canary", "/dev/zero"),
    *([], {}, [0, SAMPLES], [0, 1 << 53], [9, 3], [["x"]], {"sink": "file"}),
)


def rows(chance: random.Random, canary: Path) -> list[dict[str, Any]]:
    """What a dictation could have left, in part with other places and texts."""
    targets = [{"sink": "file", "path": str(canary), "size": chance.choice((0, 4, 1 << 53))}]
    intent = {"intent": 1, "of": [0, 900], "text": "one", "to": targets, "wall": 1.0}
    return [
        {"version": 1, "source": "mic", "sinks": [f"file:{canary}"], "began": 1.0},
        {"gap": chance.randrange(SAMPLES), "seconds": 0.5},
        {"quiet": chance.randrange(SAMPLES)},
        {"failed": sorted(chance.sample(range(2 * SAMPLES), 2))},
        intent,
        chance.choice(({"kept": 1, "lacking": [str(canary)]}, {"done": 1}, {"kept": 1})),
        {**intent, "intent": 2, "again": 1, "replaced": ["one"], "instead": "two"},
        {"heard": sorted(chance.sample(range(SAMPLES), 2))},
    ]


def other_value(chance: random.Random, found: list[dict[str, Any]]) -> None:
    row = chance.choice(found)
    row[chance.choice(list(row))] = chance.choice(HOSTILE)


def other_order(chance: random.Random, found: list[dict[str, Any]]) -> None:
    chance.shuffle(found)


def repeated(chance: random.Random, found: list[dict[str, Any]]) -> None:
    found += chance.choices(found, k=chance.choice((1, 3, 50)))


def lost(chance: random.Random, found: list[dict[str, Any]]) -> None:
    del found[chance.randrange(len(found))]


CHANGES: tuple[Callable[[random.Random, list[dict[str, Any]]], None], ...] = (
    other_value,
    other_value,
    other_value,
    other_order,
    repeated,
    lost,
)


def leave(root: Path, chance: random.Random, canary: Path) -> Path:
    """Leave a recording whose journal was changed in one to three ways."""
    recording = Recording.create(root)
    recording.append(np.zeros(SAMPLES, np.int16))
    found = rows(chance, canary)
    for change in chance.choices(CHANGES, k=chance.choice((0, 1, 1, 2, 3))):
        change(chance, found)
    text = "".join(json.dumps(row) + "\n" for row in found).encode("utf-8", "surrogatepass")
    if chance.random() < 0.3:
        text = mutation(text, str(chance.random())).data
    recording.journal.write_bytes(text)
    recording.journal.chmod(0o600)
    recording.close(delete=False)
    if chance.random() < 0.1:  # a part of the sound with another name, or none
        part = next(recording.folder.glob("*.wav"))
        part.rename(part.with_name(chance.choice(("9.wav", "-1.wav", "x.wav", f"{1 << 60}.wav"))))
    return recording.folder


class NoView:
    """Shows nothing."""

    def event(self, event: Event) -> None:
        assert event.kind

    def level(self, peak: float) -> None:
        assert peak <= 1

    @contextmanager
    def aside(self) -> Iterator[None]:
        yield


@pytest.mark.slow
@pytest.mark.parametrize("count", [200, pytest.param(ALL, marks=pytest.mark.soak)])
def test_a_recovery_touches_its_recordings_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "state" / "parakeet" / "dictation"
    outside = tmp_path / "outside"
    outside.mkdir()
    canary = outside / "canary"
    canary.write_text("mine")
    before = everything(outside)
    delivered = tmp_path / "delivered.txt"
    request = DictationRequest(
        Settings(engine="mock"), sinks=(f"file:{delivered}",), recover=True, history=False
    )
    outcomes: Counter[str] = Counter()
    with SessionResources(request) as resources:
        for number in range(count):
            chance = random.Random(f"{SEED} {number}")
            folder = leave(root, chance, canary)
            try:
                read_journal(folder / "journal.jsonl")
                outcomes["read"] += 1
            except OSError:
                outcomes["refused"] += 1
            assert len(list(find_undelivered(root))) <= 1, number
            try:
                resources.make_recovery(NoView()).run(root)
                outcomes["recovered"] += 1
            except ParakeetError as error:
                assert str(error), number
                outcomes["named"] += 1
            assert everything(outside) == before, number
            shutil.rmtree(root)
    assert all(outcomes[name] > count // 20 for name in ("read", "refused", "recovered", "named"))
