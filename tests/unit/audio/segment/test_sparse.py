"""The detector looks where it matters, and finds there what it finds in the whole recording."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("faster_whisper")  # the detector's model is in it

from parakeet_cli.audio.samples import Block, Samples
from parakeet_cli.audio.segment.chunker import Chunk, cut_in_silence
from parakeet_cli.audio.segment.frames import FRAME
from parakeet_cli.audio.segment.pauses import SPEECH_STARTS
from parakeet_cli.audio.segment.sparse import (
    Looks,
    Probabilities,
    SparseDetector,
    SparseTrack,
    places_to_look,
)
from parakeet_cli.audio.segment.speech import ReceivedSpeech, SpeechTrack

SPEECH = Path(__file__).parents[4] / "samples"
BLOCK = 160_000


def recording(seconds: float, seed: int = 0, noise: float = 1e-4) -> Samples:
    """Sentences of the samples with pauses of up to three seconds between them, in noise."""
    random = np.random.default_rng(seed)
    paths = sorted(SPEECH.glob("*.wav"))
    parts: list[Samples] = []
    while sum(map(len, parts)) < seconds * 16_000:
        with wave.open(str(paths[random.integers(len(paths))]), "rb") as file:
            pcm = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        parts.append((pcm / 32768).astype(np.float32))
        parts.append(np.zeros(int(random.uniform(0.2, 3) * 16_000), np.float32))
    joined = np.concatenate(parts)[: round(seconds * 16_000)]
    return (joined + random.standard_normal(len(joined)) * noise).astype(np.float32)


def blocks_of(samples: Samples, start: float = 0.0) -> Iterator[Block]:
    for at in range(0, len(samples), BLOCK):
        yield Block(samples[at : at + BLOCK], start + at / 16_000)


def found_by(track: SpeechTrack | SparseTrack, samples: Samples) -> Probabilities:
    return np.concatenate([*map(track.add, blocks_of(samples)), track.finish()])


def chunks(samples: Samples, probabilities: Probabilities) -> list[Chunk]:
    speech = ReceivedSpeech()
    speech.receive(probabilities)
    return list(cut_in_silence(blocks_of(samples), speech, max_seconds=60.0))


def test_in_clean_speech_most_frames_need_no_detector_and_no_speech_is_dropped() -> None:
    samples = recording(120.0)
    whole, sparse = found_by(SpeechTrack(), samples), found_by(SparseTrack(), samples)
    assert len(whole) == len(sparse) == -(-len(samples) // FRAME)
    assert (sparse == 1.0).mean() > 0.5
    assert ((whole >= SPEECH_STARTS) & (sparse < SPEECH_STARTS)).mean() < 0.005
    # As much is left out as by the detector that looks everywhere.
    kept = [sum(one.duration for one in chunks(samples, each)) for each in (whole, sparse)]
    assert kept[0] == pytest.approx(kept[1], rel=0.05)
    assert all(one.overlap == 0 for one in chunks(samples, sparse))  # cut in pauses


@pytest.mark.parametrize("noise", [0.03, 0.1])
def test_where_noise_hides_the_pauses_the_detector_looks_everywhere(noise: float) -> None:
    samples = recording(60.0, noise=noise)
    whole, sparse = found_by(SpeechTrack(), samples), found_by(SparseTrack(), samples)
    assert ((whole >= SPEECH_STARTS) != (sparse >= SPEECH_STARTS)).mean() < 0.05


@pytest.mark.parametrize("level", [0.0, 1e-5, 0.02])
def test_a_recording_without_speech_makes_no_chunk(level: float) -> None:
    random = np.random.default_rng(3)
    samples = (random.standard_normal(60 * 16_000) * level).astype(np.float32)
    assert chunks(samples, found_by(SparseTrack(), samples)) == []


def test_looks_can_be_taken_in_any_order_and_by_anyone() -> None:
    samples = recording(95.0, noise=0.01)
    looks = Looks()
    every = [one for block in blocks_of(samples) for one in looks.add(block)] + looks.finish()
    backwards = [SparseDetector()(look) for look in reversed(every)]
    expected = found_by(SparseTrack(), samples)
    np.testing.assert_array_equal(np.concatenate(backwards[::-1]), expected)


def test_after_a_jump_nothing_before_it_counts() -> None:
    first, second = recording(10.0, seed=1), recording(10.0, seed=2)
    track = SparseTrack()
    found = [track.add(Block(first, 0.0)), track.add(Block(second, 50.0)), track.finish()]
    alone = found_by(SparseTrack(), second)
    np.testing.assert_array_equal(np.concatenate(found)[-len(alone) :], alone)


def test_places_to_look_are_the_long_silences_and_the_longest_pause() -> None:
    power = np.full(312, 0.1, np.float32)
    power[100:112] = power[150:161] = 1e-5  # pauses
    assert places_to_look(power) == [(100, 112)]
    power[200:230] = 1e-5  # what may be part of a long silence
    power[290:] = 1e-5  # and what may go on in the next block
    assert places_to_look(power) == [(200, 230), (290, 312)]
    assert places_to_look(power[:280] * 0) == [(0, 280)]


def test_a_short_recording_is_not_cut_and_needs_no_pause() -> None:
    power = np.full(156, 0.1, np.float32)
    assert places_to_look(power) == [(0, 156)]  # noise without speech would be left out
    power[50:62] = 1e-5
    assert places_to_look(power) == []
    power[:20] = power[130:] = 1e-5  # silence around the speech is left out
    assert places_to_look(power) == [(0, 20), (130, 156)]
