"""Cuts blocks of audio into chunks that fit an engine, in silence if possible.

Three steps, each in bounded memory:

1. `SilenceFilter` drops long silences. It keeps speech, the short pauses in it and a margin
   around it.
2. `_Packer` fills one chunk after the other with those frames, and ends each in the longest
   pause it can find. Speech without a pause is cut at its weakest point, and then the audio
   around the cut goes into both chunks (`Chunk.overlap`): `parakeet_cli.engines.overlap_merge`
   joins their words again.
3. A `Chunk` knows the place of each of its pieces on the source's clock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from parakeet_cli.audio.samples import SAMPLE_RATE, Block, Samples
from parakeet_cli.audio.segment.frames import FRAME_SECONDS, BlockFrames, TimedFrames
from parakeet_cli.audio.segment.pauses import (
    SpeechLimits,
    half_overlap,
    longest_pause,
    weakest_frame,
)
from parakeet_cli.audio.segment.silence import FrameSlice, SilenceFilter, head_of, tail_of
from parakeet_cli.audio.segment.vad import Detector


@dataclass(frozen=True, slots=True)
class Piece:
    """From `offset` seconds into the chunk on, its audio lies at `start` on the clock."""

    offset: float
    start: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of one source, not longer than an engine can take at once.

    `samples` are mono float32 in [-1, 1] at 16 kHz, shape (n,). `pieces` place them on
    the source's clock; there are several if silence was dropped. The first `overlap`
    seconds are also the end of the chunk before. `last` ends the source.
    """

    samples: Samples
    pieces: tuple[Piece, ...]
    source: str = ""
    overlap: float = 0.0
    last: bool = False

    length: int = 0  # number of samples, known even without `samples`
    speech_end: float | None = None  # seconds into the chunk; None if it wasn't measured

    def __post_init__(self) -> None:
        if not self.length:
            object.__setattr__(self, "length", len(self.samples))

    @property
    def duration(self) -> float:
        return self.length / SAMPLE_RATE

    def without_samples(self) -> Chunk:
        """The same chunk without its samples, for its place on the clock."""
        return replace(self, samples=self.samples[:0])

    @property
    def start(self) -> float:
        return self.pieces[0].start

    @property
    def end(self) -> float:
        return self.on_clock(self.duration)

    def on_clock(self, seconds: float, *, near: float | None = None) -> float:
        """Convert seconds into the chunk to seconds on the source's clock.

        A dropped silence must not separate a word's two ends: with `near`, the piece is
        the one that contains `near`.
        """
        where = seconds if near is None else near
        piece = self.pieces[0]
        for candidate in self.pieces[1:]:
            if candidate.offset > where:
                break
            piece = candidate
        return piece.start + (seconds - piece.offset)


def cut_fixed(blocks: Iterable[Block], *, max_seconds: float, source: str = "") -> Iterator[Chunk]:
    """Chunks of `max_seconds`, silence included, for engines that need all audio."""
    yield from _mark_last(_fixed_chunks(blocks, int(max_seconds * SAMPLE_RATE), source))


def cut_in_silence(
    blocks: Iterable[Block],
    detector: Detector,
    *,
    max_seconds: float,
    source: str = "",
    keep_silence: bool = False,
    limits: SpeechLimits | None = None,
) -> Iterator[Chunk]:
    """Chunks of at most `max_seconds` that begin and end in pauses.

    Without `keep_silence`, audio without speech is dropped, and a recording without any
    speech makes no chunk at all.
    """
    limits = limits or SpeechLimits()
    window = int(max_seconds / FRAME_SECONDS)
    packer = _Packer(window=window, source=source, speech_ends=limits.ends)
    silence = SilenceFilter(keep_silence=keep_silence, limits=limits)
    yield from _mark_last(_packed_chunks(blocks, detector, silence, packer))


def _mark_last(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Hold one chunk back, because only the end shows which one was the last."""
    held: Chunk | None = None
    for chunk in chunks:
        if held is not None:
            yield held
        held = chunk
    if held is not None:
        yield replace(held, last=True)


def _fixed_chunks(blocks: Iterable[Block], size: int, source: str) -> Iterator[Chunk]:
    """Chunks of `size` samples; the last one before a jump or the end is shorter."""
    parts: list[Samples] = []
    start, length = 0.0, 0

    def close() -> Chunk:
        chunk = Chunk(np.concatenate(parts), (Piece(0.0, start),), source)
        parts.clear()
        return chunk

    for block in blocks:
        samples, at = block.samples, block.start
        if parts and abs(start + length / SAMPLE_RATE - at) > FRAME_SECONDS:
            yield close()
        while len(samples):
            if not parts:
                start, length = at, 0
            part = samples[: size - length]
            parts.append(part)
            length += len(part)
            samples, at = samples[len(part) :], at + len(part) / SAMPLE_RATE
            if length == size:
                yield close()
    if parts:
        yield close()


def _packed_chunks(
    blocks: Iterable[Block], detector: Detector, silence: SilenceFilter, packer: _Packer
) -> Iterator[Chunk]:
    for frames, start, jumped in _frames(blocks):
        if jumped:
            packer.add(silence.finish())
            detector.reset()
        packer.add(silence.feed(frames, detector(frames), start))
        yield from packer.full()
    packer.add(silence.finish())
    yield from packer.finish()


def _frames(blocks: Iterable[Block]) -> Iterator[TimedFrames]:
    splitter = BlockFrames()
    for block in blocks:
        yield from splitter.add(block)
    yield from splitter.finish()


class _Packer:
    """Packs slices into chunks of at most `window` frames."""

    def __init__(self, *, window: int, source: str, speech_ends: float) -> None:
        self._window = window
        self._speech_ends = speech_ends  # the probability below which a frame is a pause
        self._source = source
        self._parts: list[FrameSlice] = []
        self._length = 0  # frames in the parts
        self._overlap = 0  # frames at the start that the previous chunk also contains

    def add(self, parts: list[FrameSlice]) -> None:
        self._parts += parts
        self._length += sum(len(part.frames) for part in parts)

    def full(self) -> Iterator[Chunk]:
        """Chunks as long as there is more than a window."""
        while self._length > self._window:
            yield self._cut()

    def finish(self) -> Iterator[Chunk]:
        """Chunks of everything that is left."""
        yield from self.full()
        if self._length:
            yield self._take(self._length, shared=0)

    def _cut(self) -> Chunk:
        head = head_of(self._parts, self._window)
        speech = np.concatenate([part.speech for part in head])
        # The later the pause, the fewer chunks; the longer, the safer. The last third has
        # room for a long pause; before it any pause is better than none.
        for earliest in (2 * self._window // 3, self._window // 3):
            first = max(earliest, self._overlap + 1)
            at = _last_break(head, first) or longest_pause(speech, first, self._speech_ends)
            if at is not None:
                return self._take(at, shared=0)
        half = half_overlap(self._window)
        earliest = max(self._window // 2, self._overlap)
        late = slice(earliest, self._window - half)
        frames = np.concatenate([part.frames for part in head])[late]
        at = earliest + weakest_frame(speech[late], np.square(frames).mean(axis=1))
        return self._take(at + half, shared=2 * half)

    def _take(self, frames: int, *, shared: int) -> Chunk:
        """The first `frames` frames as a chunk; the last `shared` of them also start the next."""
        head = head_of(self._parts, frames)
        pieces: list[Piece] = []
        offset = 0
        for part in head:
            if not pieces or not part.follows:
                pieces.append(Piece(offset * FRAME_SECONDS, part.start))
            offset += len(part.frames)
        speaking = np.flatnonzero(
            np.concatenate([part.speech for part in head]) >= self._speech_ends
        )
        chunk = Chunk(
            np.concatenate([part.frames.reshape(-1) for part in head]),
            tuple(pieces),
            self._source,
            self._overlap * FRAME_SECONDS,
            speech_end=(int(speaking[-1]) + 1) * FRAME_SECONDS if len(speaking) else None,
        )
        self._parts = tail_of(self._parts, self._length - frames + shared)
        self._length += shared - frames
        self._overlap = shared
        return chunk


def _last_break(parts: list[FrameSlice], earliest: int) -> int | None:
    """The last frame from `earliest` on before which silence was dropped.

    That silence was longer than any pause that is left.
    """
    ends = np.cumsum([len(part.frames) for part in parts])[:-1]
    breaks = ends[[not part.follows for part in parts[1:]]]
    late = breaks[breaks >= earliest]
    return int(late[-1]) if len(late) else None
