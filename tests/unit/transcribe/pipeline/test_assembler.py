"""Segments of many chunks to one transcript whose clock never goes back."""

from __future__ import annotations

import numpy as np

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import ChunkResult, on_source_clock
from parakeet_cli.transcribe.pipeline.assembler import Assembler
from parakeet_cli.transcript import Doubt, Segment, Word


def chunk(start: float, seconds: float, overlap: float = 0.0) -> Chunk:
    samples = np.zeros(round(seconds * 16000), dtype=np.float32)
    return Chunk(samples, (Piece(0.0, start),), overlap=overlap)


def segment(*words: Word) -> Segment:
    return Segment(words[0].start, words[-1].end, " ".join(w.text for w in words), words)


def test_words_never_go_backwards() -> None:
    assembler = Assembler()
    assembler.add(
        chunk(0, 2), ChunkResult((segment(Word(0.0, 1.2, "one"), Word(1.0, 1.1, "two")),))
    )
    assembler.add(
        chunk(2, 2), ChunkResult((segment(Word(0.9, 1.0, "three"), Word(2.0, 1.9, "four")),))
    )
    words = [word for segment in assembler.finish() for word in segment.words]
    starts = [word.start for word in words]
    assert starts == sorted(starts)
    assert all(word.end >= word.start for word in words)
    assert [word.text for word in words] == ["one", "two", "three", "four"]


def test_the_language_of_most_of_the_sound_is_the_transcript_s() -> None:
    assembler = Assembler()
    for seconds, language in ((9, None), (1, "de"), (1, "en")):
        assembler.add(chunk(0, seconds), ChunkResult((), language))
    assert assembler.language == "de"
    assembler.add(chunk(0, 1), ChunkResult((), "en"))
    assert assembler.language == "en"


def test_the_doubts_of_every_chunk_are_the_transcript_s() -> None:
    assembler = Assembler()
    doubts = (Doubt("repetition", 0.0, 1.0, "a"), Doubt("language", 1.0, 2.0, "b"))
    for doubt in doubts:
        assembler.add(chunk(doubt.start, 1), ChunkResult((), doubts=(doubt,)))
    assert tuple(assembler.doubts) == doubts


def test_empty_segments_are_left_out() -> None:
    assembler = Assembler()
    assembler.add(chunk(0, 1), ChunkResult((Segment(0, 1, ""), Segment(0, 1, "yes"))))
    assert [segment.text for segment in assembler.finish()] == ["yes"]


def test_an_engines_times_are_put_on_the_clock_piece_by_piece() -> None:
    pieces = (Piece(0.0, 10.0), Piece(2.0, 60.0))
    both = Chunk(np.zeros(4 * 16000, dtype=np.float32), pieces)
    (found,) = on_source_clock(both, [segment(Word(0.5, 1.0, "here"), Word(2.5, 3.0, "there"))])
    assert [(w.start, w.end) for w in found.words] == [(10.5, 11.0), (60.5, 61.0)]
    assert (found.start, found.end) == (10.5, 61.0)
