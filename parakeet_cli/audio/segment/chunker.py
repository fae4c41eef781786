"""Blocks of sound to chunks that fit an engine's window, cut in silence.

Three steps, each in bounded memory:

1. `Keeper` (silence.py) drops long silences. What it keeps is speech, the short pauses in it and
   a margin around it.
2. `_Packer` fills one window after the other with what was kept, and ends each in the
   longest pause it can find. Speech without a pause is cut at its weakest point, and
   then the sound around the cut goes into both chunks (`Chunk.overlap`): the words are
   put together again by `parakeet_cli.engines.overlap_merge`.
3. A `Chunk` knows where each of its pieces lies on the source's clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from parakeet_cli.audio.samples import SAMPLE_RATE, Block, Samples
from parakeet_cli.audio.segment.silence import (
    FRAME_SECONDS,
    SPEECH_ENDS,
    Keeper,
    Kept,
    head_of,
    tail_of,
)
from parakeet_cli.audio.segment.vad import FRAME

_PAUSE = 5  # frames: 0.16 s of silence is a place between two words
_OVERLAP = 94  # frames: 3 s, enough for two or three words on each side of a forced cut


class Detector(Protocol):
    """Speech probability of each frame; `parakeet_cli.audio.segment.vad.SpeechDetector`."""

    def __call__(self, frames: Samples) -> NDArray[np.float32]: ...

    def reset(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Piece:
    """From `offset` seconds into the chunk on, its sound lies at `start` on the clock."""

    offset: float
    start: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """A stretch of one source that fits an engine's window.

    `samples` are mono float32 in [-1, 1] at 16 kHz, shape (n,). `pieces` place them on
    the source's clock; there is more than one where silence was left out. The first
    `overlap` seconds are also the end of the chunk before. `last` ends the source.
    """

    samples: Samples
    pieces: tuple[Piece, ...]
    source: str = ""
    overlap: float = 0.0
    last: bool = False

    length: int = 0  # samples, known even where they are no longer held
    speech_end: float | None = None  # seconds into the chunk; None where nobody looked

    def __post_init__(self) -> None:
        if not self.length:
            object.__setattr__(self, "length", len(self.samples))

    @property
    def duration(self) -> float:
        return self.length / SAMPLE_RATE

    def without_samples(self) -> Chunk:
        """The same chunk for those who only ask where it lies."""
        return replace(self, samples=self.samples[:0])

    @property
    def start(self) -> float:
        return self.pieces[0].start

    @property
    def end(self) -> float:
        return self.on_clock(self.duration)

    def on_clock(self, seconds: float, *, near: float | None = None) -> float:
        """Seconds into the chunk to seconds on the source's clock.

        A word's two ends must not be torn apart by a silence that was left out between
        them: with `near`, the piece is the one that `near` lies in.
        """
        where = seconds if near is None else near
        piece = self.pieces[0]
        for candidate in self.pieces[1:]:
            if candidate.offset > where:
                break
            piece = candidate
        return piece.start + (seconds - piece.offset)


def cut_fixed(blocks: Iterable[Block], *, max_seconds: float, source: str = "") -> Iterator[Chunk]:
    """Chunks of `max_seconds` whatever they hold, for engines that judge silence."""
    size = int(max_seconds * SAMPLE_RATE)
    waiting: deque[Chunk] = deque()
    held: list[Samples] = []
    start, length = 0.0, 0

    def close() -> None:
        waiting.append(Chunk(np.concatenate(held), (Piece(0.0, start),), source))
        held.clear()

    for block in blocks:
        samples, at = block.samples, block.start
        jumped = held and abs(start + length / SAMPLE_RATE - at) > FRAME_SECONDS
        if jumped:
            close()
        while len(samples):
            if not held:
                start, length = at, 0
            part = samples[: size - length]
            held.append(part)
            length += len(part)
            samples, at = samples[len(part) :], at + len(part) / SAMPLE_RATE
            if length == size:
                close()
        # One is held back: only the end of the blocks shows which chunk was the last.
        while len(waiting) > 1:
            yield waiting.popleft()
    if held:
        close()
    while waiting:
        yield replace(waiting.popleft(), last=not waiting)


def cut_in_silence(
    blocks: Iterable[Block],
    detector: Detector,
    *,
    max_seconds: float,
    source: str = "",
    keep_silence: bool = False,
) -> Iterator[Chunk]:
    """Chunks of at most `max_seconds` that begin and end in pauses.

    Without `keep_silence`, sound that holds no speech is left out, and a recording
    without any speech gives no chunk at all.
    """
    keeper = Keeper(keep_silence=keep_silence)
    packer = _Packer(window=int(max_seconds / FRAME_SECONDS), source=source)
    held: Chunk | None = None
    for frames, start, jumped in _framed(blocks):
        if jumped:
            packer.add(keeper.finish())
            detector.reset()
        packer.add(keeper.feed(frames, detector(frames), start))
        for chunk in packer.full():
            if held is not None:
                yield held
            held = chunk
    packer.add(keeper.finish())
    for chunk in packer.finish():
        if held is not None:
            yield held
        held = chunk
    if held is not None:
        yield replace(held, last=True)


def _framed(blocks: Iterable[Block]) -> Iterator[tuple[Samples, float, bool]]:
    """Blocks of any length to arrays of shape (n, 512), their start, and if they jumped.

    The last samples before a jump or the end are filled up with zeros to a frame.
    """
    rest = np.zeros(0, dtype=np.float32)
    start = 0.0
    clock: float | None = None

    def filled() -> Samples:
        return np.pad(rest, (0, FRAME - len(rest))).reshape(1, FRAME)

    for block in blocks:
        jumped = clock is not None and abs(block.start - clock) > FRAME_SECONDS
        if jumped and len(rest):
            yield filled(), start, False
        if jumped or clock is None:
            rest, start = rest[:0], block.start
        samples = np.concatenate((rest, block.samples)) if len(rest) else block.samples
        whole = len(samples) // FRAME * FRAME
        if whole or jumped:
            yield samples[:whole].reshape(-1, FRAME), start, jumped
        rest = samples[whole:]
        start += whole / SAMPLE_RATE
        clock = block.end
    if len(rest):
        yield filled(), start, False


class _Packer:
    """Fills windows with what was kept."""

    def __init__(self, *, window: int, source: str) -> None:
        self._window = window  # frames
        self._source = source
        self._parts: list[Kept] = []
        self._length = 0  # frames in the parts
        self._overlap = 0  # frames at the start that the chunk before ends with

    def add(self, parts: list[Kept]) -> None:
        self._parts += parts
        self._length += sum(len(part.frames) for part in parts)

    def full(self) -> Iterator[Chunk]:
        """Chunks for as long as there is more than a window."""
        while self._length > self._window:
            yield self._cut()

    def finish(self) -> Iterator[Chunk]:
        """All that is left."""
        yield from self.full()
        if self._length:
            yield self._take(self._length, keep=0)

    def _cut(self) -> Chunk:
        head = head_of(self._parts, self._window)
        speech = np.concatenate([part.speech for part in head])
        breaks = np.cumsum([len(part.frames) for part in head])[:-1]
        breaks = breaks[[not part.follows for part in head[1:]]]
        # The later the pause, the fewer windows; the longer, the safer. A pause in the last
        # third is early enough to look for a long one, and before it any is better than none.
        for earliest in (2 * self._window // 3, self._window // 3):
            at = _longest_pause(speech, breaks, max(earliest, self._overlap + 1))
            if at is not None:
                return self._take(at, keep=0)
        half = min(_OVERLAP, self._window // 4) // 2
        at = _weakest(head, max(self._window // 2, self._overlap), self._window - half)
        return self._take(at + half, keep=2 * half)

    def _take(self, frames: int, *, keep: int) -> Chunk:
        """The first `frames` frames as a chunk; the last `keep` of them stay."""
        head = head_of(self._parts, frames)
        pieces: list[Piece] = []
        offset = 0
        for part in head:
            if not pieces or not part.follows:
                pieces.append(Piece(offset * FRAME_SECONDS, part.start))
            offset += len(part.frames)
        speaking = np.flatnonzero(np.concatenate([part.speech for part in head]) >= SPEECH_ENDS)
        chunk = Chunk(
            np.concatenate([part.frames.reshape(-1) for part in head]),
            tuple(pieces),
            self._source,
            self._overlap * FRAME_SECONDS,
            speech_end=(int(speaking[-1]) + 1) * FRAME_SECONDS if len(speaking) else None,
        )
        self._parts = tail_of(self._parts, self._length - frames + keep)
        self._length += keep - frames
        self._overlap = keep
        return chunk


def _longest_pause(
    speech: NDArray[np.float32], breaks: NDArray[np.int_], earliest: int
) -> int | None:
    """Where to cut within the longest pause that begins at `earliest` or later.

    A break, where a long silence was left out, is longer than any pause that was kept.
    """
    late = breaks[breaks >= earliest]
    if len(late):
        return int(late[-1])
    quiet = np.concatenate(([False], speech[earliest:] < SPEECH_ENDS, [False]))
    edges = np.flatnonzero(np.diff(quiet.astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts) or (ends - starts).max() < _PAUSE:
        return None
    longest = len(starts) - 1 - int(np.argmax((ends - starts)[::-1]))
    return earliest + int(starts[longest] + ends[longest]) // 2


def _weakest(head: list[Kept], earliest: int, latest: int) -> int:
    """The frame in [earliest, latest) where speech is least likely and sound quietest."""
    speech = np.concatenate([part.speech for part in head])[earliest:latest]
    frames = np.concatenate([part.frames for part in head])[earliest:latest]
    power = np.square(frames).mean(axis=1)
    loudness = power / (power.max() + 1e-12)
    # Three frames, about 0.1 s: a gap between two words rather than one quiet wave.
    # Only where all three lie within: half a sum at an edge would be the least of all.
    score = np.convolve(speech + loudness, np.ones(3) / 3, mode="valid")
    return earliest + 1 + int(np.argmin(score))
