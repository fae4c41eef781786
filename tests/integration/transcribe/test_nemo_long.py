"""Long sound through every way that the engine nemo has for it: nothing lost, nothing doubled."""

from __future__ import annotations

import json
import os
import random
from bisect import bisect_left
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.engines.nemo.engine import Nemo
from parakeet_cli.engines.nemo.worker.decoding import join_pieces as text_of
from parakeet_cli.engines.nemo.worker.memory import WAYS
from parakeet_cli.transcribe.pipeline.assembler import Assembler
from parakeet_cli.transcript import Word
from tests.integration.transcribe.command import COMMAND
from tests.integration.transcribe.held_out import (
    Clip,
    as_chunk,
    clips,
    error_rate,
    in_order,
    joined,
)
from tests.integration.transcribe.nemo_engine import (
    settings,
    texts,
    words_of,
    write,
)
from tests.integration.transcribe.test_memory import course_of
from tests.media_files import Floats

pytestmark = pytest.mark.slow

FRAME = 1280  # samples: 80 ms


def clip_by_clip(engine: Nemo, chosen: list[Clip], order: list[int]) -> list[Word]:
    """Each clip's words where the clip lies in the joined sound."""
    sounds = {at: chosen[at].sound() for at in set(order)}
    known = {at: words_of(engine, sound) for at, sound in sounds.items()}
    words, clock = [], 0.0
    for at in order:
        words += [replace(w, start=w.start + clock, end=w.end + clock) for w in known[at]]
        clock += len(sounds[at]) / 16_000
    return words


@pytest.mark.parametrize("way", WAYS)
def test_two_minutes_are_transcribed_as_well_as_their_clips(engine: Nemo, way: str) -> None:
    chosen = clips()
    order = list(range(len(chosen)))
    random.Random(3).shuffle(order)
    sound = np.concatenate([chosen[at].sound() for at in order])
    reference = [word for at in order for word in chosen[at].reference]
    apart = clip_by_clip(engine, chosen, order)
    engine._tuning = replace(engine._tuning, way=way)
    try:
        assert engine._running_worker().request("transcribe", sound, way=way)["way"] == way
        words = words_of(engine, sound)
    finally:
        engine._tuning = replace(engine._tuning, way=None)
    assert error_rate(reference, words) <= error_rate(reference, apart) + 0.005
    moved = [abs(a.start - b.start) for a, b in in_common(words, apart)]
    assert len(moved) >= 0.97 * len(apart)
    assert np.quantile(moved, 0.99) <= 0.1


def in_common(left: list[Word], right: list[Word]) -> list[tuple[Word, Word]]:
    """Words that both have at about the same time."""
    found = []
    starts = [word.start for word in right]
    for word in left:
        around = slice(bisect_left(starts, word.start - 0.5), bisect_left(starts, word.start + 0.5))
        near = [w for w in right[around] if w.text == word.text]
        found += [(word, min(near, key=lambda w: abs(w.start - word.start)))] if near else []
    return found


def twenty_seconds() -> Floats:
    """Only whole clips: a word that is cut off at the end is recognised differently each time."""
    sounds = [clip.sound() for clip in clips()]
    order = in_order([len(sound) for sound in sounds], 20)
    ends = np.cumsum([len(sounds[at]) for at in order])
    return np.concatenate([sounds[at] for at in order[: int((ends <= 20 * 16_000).sum())]])


def cuts(frames: int) -> list[int]:
    """A seeded tenth of the offsets; all of them with PARAKEET_TEST_ALL_CUTS."""
    offsets = range(1, frames)
    if os.environ.get("PARAKEET_TEST_ALL_CUTS"):
        return list(offsets)
    return sorted(random.Random(80).sample(offsets, frames // 10))


def test_windows_that_meet_anywhere_lose_and_double_no_word(engine: Nemo) -> None:
    sound = twenty_seconds()
    worker = engine._running_worker()
    whole = worker.request("transcribe", sound, way="whole")["pieces"]
    for seam in cuts(len(sound) // FRAME):
        cut = worker.request("transcribe", sound, way="windows", boundaries=[seam])
        assert cut["way"] == "windows"
        assert text_of(cut["pieces"]) == text_of(whole), f"cut at {seam * 0.08:.2f} s"


def test_chunks_that_overlap_anywhere_lose_and_double_no_word(engine: Nemo) -> None:
    """As the pipeline cuts speech without a pause: 3 s are in both chunks."""
    sound = twenty_seconds()
    whole = texts(words_of(engine, sound))
    half = 24_000
    for seam in cuts(len(sound) // FRAME):
        middle = seam * FRAME
        if not half < middle < len(sound) - half:
            continue
        begin, end = middle - half, middle + half
        first = as_chunk(sound[:end])
        second = as_chunk(sound[begin:], start=begin / 16_000, overlap=3.0)
        assembler = Assembler()
        for chunk in (first, second):
            assembler.add(chunk, engine.transcribe(chunk))
        words = [word.text for segment in assembler.finish() for word in segment.words]
        assert words == whole, f"cut at {middle / 16_000:.2f} s"


# Each way with chunks that make it what it is: windows of which many are decoded as one.
LONG = {"whole": 120.0, "local": 600.0, "windows": 600.0}


@pytest.mark.soak
@pytest.mark.parametrize("way", WAYS)
def test_three_hours_are_transcribed_as_well_as_their_clips(
    engine: Nemo, python: str, tmp_path: Path, way: str
) -> None:
    chosen = clips()
    lengths = [len(clip.sound()) for clip in chosen]
    env = {**settings(python), "PARAKEET_NEMO_WAY": way, "PARAKEET_NEMO_WINDOW": str(LONG[way])}
    env |= {"HOME": str(tmp_path)}
    order = in_order(lengths, 3 * 3600)
    sound, reference = joined(chosen, 3 * 3600)
    write(tmp_path / "long.wav", sound)
    command = [COMMAND, "transcribe", str(tmp_path / "long.wav"), "-f", "json", "-o", str(tmp_path)]
    course = course_of(command, **env)
    third = len(course) // 3
    before, last = max(course[: 2 * third]), max(course[2 * third :])
    print(f"{way}: two hours {before:.0f} MiB, the third {last:.0f} MiB")
    found = json.loads((tmp_path / "long.json").read_bytes())
    words = [
        Word(word["start"], word["end"], word["word"])
        for segment in found["segments"]
        for word in segment["words"]
    ]
    apart = clip_by_clip(engine, chosen, order)
    assert error_rate(reference, words) <= error_rate(reference, apart) + 0.005
    moved = [abs(a.start - b.start) for a, b in in_common(words, apart)]
    assert len(moved) >= 0.97 * len(apart)
    assert np.quantile(moved, 0.99) <= 0.1
    assert last <= 1.05 * before  # the sound of an hour alone would be 220 MiB
