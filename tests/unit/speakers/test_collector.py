"""Voices are collected from chunks, at their places on the recording's clock."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.speakers.collector import VoiceCollector

RATE = 16_000


def noise(seconds: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    rolls = np.random.default_rng(1)
    return (rolls.standard_normal(int(seconds * RATE)) * 0.1).astype(np.float32)


def test_windows_lie_where_their_pieces_lie_on_the_clock() -> None:
    collector = VoiceCollector()
    collector.add(Chunk(noise(3.0), (Piece(0.0, 10.0), Piece(1.5, 100.0))))
    spans = collector.finish().narrow.spans
    assert spans[:, 0] == pytest.approx([10.0, 100.0])
    assert (spans[:, 1] <= [11.5, 101.5]).all()


def test_what_two_chunks_share_is_taken_once() -> None:
    collector = VoiceCollector()
    collector.add(Chunk(noise(3.0), (Piece(0.0, 0.0),)))
    collector.add(Chunk(noise(3.0), (Piece(0.0, 2.0),), overlap=1.0))
    spans = collector.finish().wide.spans
    assert spans[:, 0].max() < 5.0
    assert (spans[spans[:, 0] >= 3.0][:, 0] >= 3.0).all()
    assert not ((spans[:, 0] > 2.0) & (spans[:, 0] < 3.0) & (spans[:, 1] > 3.0)).any()


def test_nothing_gives_no_voices() -> None:
    voices = VoiceCollector().finish()
    for kind in (voices.narrow, voices.wide):
        assert kind.spans.shape == (0, 2)
        assert kind.embeddings.shape == (0, 192)


def test_a_chunk_that_is_too_short_for_a_voice_is_left_out() -> None:
    collector = VoiceCollector()
    collector.add(Chunk(noise(0.1), (Piece(0.0, 0.0),)))
    assert len(collector.finish().narrow.spans) == 0
