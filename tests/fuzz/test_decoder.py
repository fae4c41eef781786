"""Damaged files of every kind: none crashes, none hangs, and none is `ok` by mistake.

`pytest -m soak tests/fuzz` runs a thousand mutations per format, the plain run a share.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soxr

from parakeet_cli.audio.decode.base import WHOLE, MediaRequest
from parakeet_cli.audio.decode.media import SAMPLE_RATE, Samples
from parakeet_cli.audio.decode.pool import DecoderLimits, DecoderPool, IsolatedMedia
from parakeet_cli.errors import InputError
from parakeet_cli.transcript import Accounting
from tests.films import two_voices, write_film
from tests.fuzz.mutations import Mutation, mutation
from tests.media_files import RECIPES, Recipe, speech, write_media

SECONDS = 8
SHARE, ALL = 30, 1_000  # mutations per format
# These check every byte, so an `ok` file must decode to the same samples.
CHECKED = {"flac", "vorbis", "opus"}
# Seconds that may be missing unseen. WMA's header rounds up by its packets of 46 ms, of which
# the last two may go unseen; AVI and FLV don't number their packets: two may.
SHORT = {"wma": 0.1, "avi": 0.06, "flv": 0.06}
# These neither number nor count their frames: cutting one out leaves no trace.
UNCOUNTED = {"adts", "amr"}
# Containers whose header states a size or a length, besides those of RECIPES.
CONTAINERS = {
    "au": Recipe("au", "pcm_s16be", 16_000, 1),
    "caf": Recipe("caf", "pcm_s16le", 16_000, 1),
    "w64": Recipe("w64", "pcm_s16le", 16_000, 1),
    "adpcm": Recipe("wav", "adpcm_ms", 16_000, 1),
    "g722": Recipe("wav", "g722", 16_000, 1),
    "voc": Recipe("voc", "pcm_s16le", 16_000, 1),
    "avi": Recipe("avi", "libmp3lame", 44_100, 1, 64_000),
    "avi pcm": Recipe("avi", "pcm_s16le", 16_000, 1),
    "flv": Recipe("flv", "libmp3lame", 44_100, 1, 64_000),
    "tta": Recipe("tta", "tta", 16_000, 1),
    "wavpack": Recipe("wv", "wavpack", 16_000, 1),
    "g726": Recipe("wav", "g726", 8_000, 1, 32_000),
    "nut": Recipe("nut", "libopus", 48_000, 1, 48_000),
    "nut pcm": Recipe("nut", "pcm_s16le", 16_000, 1),
    "mka tta": Recipe("mkv", "tta", 16_000, 1),
}
FORMATS = {**RECIPES, **CONTAINERS}
# Containers that need a picture: the codec of the sound, and its rate.
FILMS = {"mxf": ("pcm_s16le", 48_000)}
KINDS = [
    *("wav", "aiff", "flac", "mp3", "adts", "amr", "m4a", "vorbis", "opus", "webm", "wma"),
    *CONTAINERS,
    *FILMS,
]


@dataclass(frozen=True)
class Decoded:
    """A file's samples and accounting."""

    samples: Samples
    accounting: Accounting


@pytest.fixture(scope="module")
def pool() -> Iterator[DecoderPool]:
    pool = DecoderPool(DecoderLimits(seconds=20.0))
    yield pool
    pool.close()


def write_whole(path: Path, kind: str) -> Path:
    """An undamaged file of that kind; its name is `path` with the suffix of the kind."""
    if kind in FILMS:
        codec, rate = FILMS[kind]
        film = path.with_suffix(f".{kind}")
        return write_film(film, kind, codec, two_voices(SECONDS, rate), rate, picture=SECONDS)
    recipe = FORMATS[kind]
    sound = soxr.resample(speech(SECONDS), SAMPLE_RATE, recipe.rate)
    return write_media(path.with_suffix(f".{recipe.suffix}"), sound, recipe)


def decode(path: Path, pool: DecoderPool) -> Decoded:
    with IsolatedMedia(MediaRequest(str(path), path.name, None, None, WHOLE), pool) as media:
        blocks = list(media)
    nothing = np.zeros(0, np.float32)
    return Decoded(np.concatenate([nothing, *(one.samples for one in blocks)]), media.accounting)


def complaint(kind: str, whole: Decoded, one: Decoded, change: Mutation) -> str | None:
    """The error in the accounting of a mutated file; None if it is right."""
    accounting = one.accounting
    if any("its decoder" in lost.reason for lost in accounting.lost):
        return f"the decoder died: {accounting.lost[-1].reason}"
    total = accounting.decoded_seconds + accounting.lost_seconds
    expected = accounting.expected_seconds
    if expected is not None and abs(total - expected) > 1e-4:
        return f"{total} seconds are accounted for, {expected} expected"
    if accounting.lost or change.kind == "header bits":
        return None  # a changed header declares something else
    short = whole.accounting.decoded_seconds - accounting.decoded_seconds
    torn = kind in UNCOUNTED and change.kind in ("truncation", "deletion")
    if short > SHORT.get(kind, 0.03) and not torn:
        return f"ok, though {short:.3f} seconds are missing"
    if kind in CHECKED:
        both = min(len(whole.samples), len(one.samples))
        apart = np.abs(whole.samples[:both] - one.samples[:both]).max(initial=0)
        if apart > 1e-3:
            return f"ok, though samples differ by {apart:.3f}"
    return None


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(SHARE), id="share"),
        pytest.param(range(ALL), id="all", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_accounted_for_correctly(
    kind: str, seeds: range, pool: DecoderPool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_whole(tmp_path / "whole", kind)
    data = path.read_bytes()
    whole = decode(path, pool)
    mutated = tmp_path / f"mutated{path.suffix}"
    counts: Counter[str] = Counter()
    complaints = []
    for seed in seeds:
        change = mutation(data, f"{kind}-{seed}")
        mutated.write_bytes(change.data)
        try:
            one = decode(mutated, pool)
        except InputError as error:
            counts["failed"] += 1
            if "its decoder" in str(error):
                complaints.append(f"{seed}: {error}")
            continue
        counts["partial" if one.accounting.lost else "ok"] += 1
        if wrong := complaint(kind, whole, one, change):
            complaints.append(
                f"{seed} ({change.kind} of {change.length} at {change.position}): {wrong}"
            )
    with capsys.disabled():
        print(f"{os.linesep}{kind}: {dict(counts)} of {len(seeds)}", end="")
    assert not complaints, "\n".join(complaints)
