"""Indexes the frames of a damaged MP3, ADTS or AMR stream by their headers.

These formats have no timestamps: a frame's place is the number of frames before it. After
damage libav's demuxer counts only the frames it found, so its clock runs early. Here the
headers are read once, without decoding: a run is a series of frames that each end where
the next begins, and the bytes between two runs are a hole. That takes about a microsecond
a frame, and it stores runs, not frames.

A hole lasts as long as its bytes would at the size of the frames before it. If the stream
declares its total (Xing, Info and VBRI headers, written by every encoder still in use),
the holes share what is missing from that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.mpeg_headers import (
    ADTS,
    AMR,
    AMR_WIDE,
    HEADER_BYTES,
    MPEG,
    FrameFormat,
    tag_size,
)
from parakeet_cli.audio.decode.recover.reader import WINDOW, Reader

# By libav's name of the container; these have neither an index nor timestamps.
FRAME_FORMATS: dict[str, tuple[FrameFormat, ...]] = {
    "mp3": (MPEG,),
    "aac": (ADTS,),
    "amr": (AMR_WIDE, AMR),
}

DECODER_DELAY = 528 + 1  # samples by which every layer III decoder is late; LAME's tag assumes it
MAX_RUNS = 100_000  # a file with more of them isn't a recording
MEAN_OVER = 32  # frames, for the mean size beside a hole; encoders smooth over fewer


@dataclass(slots=True)
class FrameRun:
    """Consecutive frames, without a byte between them in the file."""

    start: int  # byte of the first frame
    end: int  # byte after the last
    frames: int
    samples_each: int
    rate: int
    head_size: float  # mean bytes of its first frames
    tail_size: float  # mean bytes of its last frames
    broken: bool = False  # a frame begins at `end` but isn't followed by another
    junk: int = 0  # bytes before it that are neither frames nor tags


@dataclass(frozen=True, slots=True)
class DeclaredTotal:
    """The stream's own header: its number of frames, and the samples to trim."""

    frames: int | None = None
    delay: int = 0  # samples before the audio, without the decoder's own delay
    padding: int = 0  # samples after the audio
    tagged: bool = False  # delay and padding are declared


@dataclass(frozen=True, slots=True)
class FrameIndex:
    """The runs of a stream, and the second at which each one starts.

    `seconds` is the length of the whole stream, holes and a missing end included; `exact`
    if the stream's own header declares it. Another stream with such a header begins at the
    byte `following`, if files were joined.
    """

    runs: tuple[FrameRun, ...]
    starts: tuple[float, ...]
    seconds: float
    exact: bool
    frame_format: FrameFormat
    following: int | None = None

    @property
    def whole(self) -> bool:
        """Whether all frames are there and have one sample rate."""
        return len({run.rate for run in self.runs}) == 1 and not any(
            run.broken for run in self.runs
        )


def index_frames(part: FilePart, container: str) -> FrameIndex | None:
    """Read the frame headers of a stream.

    None if its container keeps time itself, or if it doesn't look like a recording.
    """
    with part.open() as file:
        reader = Reader(file, part.size)
        frame_format = next(
            (
                one
                for one in FRAME_FORMATS.get(container, ())
                if reader.read(0, len(one.magic)) == one.magic
            ),
            None,
        )
        if frame_format is None:
            return None
        found: list[FrameRun] = []
        for run in find_runs(reader, frame_format):
            found.append(run)
            if len(found) > MAX_RUNS:
                return None
        if not found:
            return None
        total, following = DeclaredTotal(), None
        if frame_format is MPEG:
            total = declared_total(reader.read(found[0].start, 1024))
            if total.frames is not None:  # the frame with the header is silent, and not counted
                found[0] = _without_first(found[0], reader)
                following = _tagged_stream(reader, found)
                following = following or _following_stream(reader, found, total.frames)
    return replace(_place_runs(found, total, reader.size, frame_format), following=following)


def _tagged_stream(reader: Reader, runs: Sequence[FrameRun]) -> int | None:
    """Where another stream begins with a declared total, behind tags or damage."""
    for before, run in pairwise(runs):
        if declared_total(reader.read(run.start, 1024)).frames is not None:
            return before.end
    return None


def _following_stream(reader: Reader, runs: Sequence[FrameRun], frames: int) -> int | None:
    """Where another stream begins behind the `frames` that the first one declares."""
    end = runs[0].start
    for run in runs:
        if frames < run.frames:
            position = end if not frames else run.start
            at = run.start
            for _ in range(frames):
                header = MPEG.parse(*reader.window(at, HEADER_BYTES))
                if header is None:
                    return None
                at += header.size
            declares = declared_total(reader.read(at, 1024)).frames is not None
            return (position if not frames else at) if declares and at > runs[0].start else None
        frames -= run.frames
        end = run.end
    return None


def starts_stream(reader: Reader, position: int) -> bool:
    """Whether MPEG or ADTS frames begin at `position`."""
    return any(_starts_chain(reader, one, position) for one in (MPEG, ADTS))


def _without_first(run: FrameRun, reader: Reader) -> FrameRun:
    """A run without its first frame."""
    header = MPEG.parse(*reader.window(run.start, HEADER_BYTES))
    assert header is not None
    return replace(run, start=run.start + header.size, frames=run.frames - 1)


def _place_runs(
    found: list[FrameRun], total: DeclaredTotal, size: int, frame_format: FrameFormat
) -> FrameIndex:
    holes = missing_frames(found, total.frames, size)
    first = found[0]
    position = holes[0] * first.samples_each / first.rate
    if total.tagged:
        position -= (total.delay + DECODER_DELAY) / first.rate
    starts = []
    for run, after in zip(found, holes[1:], strict=True):
        starts.append(position)
        position += (run.frames + after) * run.samples_each / run.rate
    if total.tagged:
        position -= max(0, total.padding - DECODER_DELAY) / found[-1].rate
    return FrameIndex(tuple(found), tuple(starts), position, total.frames is not None, frame_format)


def missing_frames(found: Sequence[FrameRun], total: int | None, size: int) -> list[int]:
    """The number of frames missing before the first run, and after each run."""
    first, last = found[0], found[-1]
    # A recorded broadcast begins with part of a frame.
    holes = [round(first.junk / first.head_size) if first.junk > first.head_size else 0]
    for run, after in pairwise(found):
        bytes_each = (run.tail_size + after.head_size) / 2
        holes.append(max(1, round(after.junk / bytes_each)) if run.broken else 0)
    holes.append(max(1, round((size - last.end) / last.tail_size)) if last.broken else 0)
    if total is None:
        return holes
    return _scale_to_total(holes, max(0, total - sum(run.frames for run in found)))


def _scale_to_total(holes: list[int], missing: int) -> list[int]:
    """Change estimates so that they add up to the `missing` frames."""
    guessed = sum(holes)
    if guessed > missing:
        scaled = [hole * missing // guessed for hole in holes]
        scaled[holes.index(max(holes))] += missing - sum(scaled)
        return scaled
    rest = missing - guessed
    places = [number for number, hole in enumerate(holes) if hole]
    if holes[-1] or not places:
        holes[-1] += rest  # the end is missing
        return holes
    for number in places:  # bytes were cut out, but it isn't known how many from which
        holes[number] += rest // len(places)
    holes[places[0]] += rest % len(places)
    return holes


def declared_total(frame: bytes) -> DeclaredTotal:
    """Parse the Xing or Info header (with LAME's part) or the VBRI header of a first frame."""
    stereo, first = frame[3] >> 6 != 3, frame[1] >> 3 & 3 == 3
    at = 4 + ((32 if stereo else 17) if first else (17 if stereo else 9))
    if frame[at : at + 4] in (b"Xing", b"Info"):
        if not frame[at + 7] & 1:  # no count of frames
            return DeclaredTotal()
        frames = int.from_bytes(frame[at + 8 : at + 12], "big")
        tag = frame[at + 120 : at + 129]
        trims = int.from_bytes(frame[at + 141 : at + 144], "big")
        if tag[:4] in (b"LAME", b"Lavf", b"Lavc", b"L3.9"):
            return DeclaredTotal(frames, trims >> 12, trims & 0xFFF, tagged=True)
        return DeclaredTotal(frames)
    if frame[36:40] == b"VBRI":
        return DeclaredTotal(int.from_bytes(frame[50:54], "big"))
    return DeclaredTotal()


def find_runs(reader: Reader, frame_format: FrameFormat) -> Iterator[FrameRun]:
    """The runs of a stream, in order, without its tags."""
    magic = frame_format.magic
    start_of_frames = len(magic) if reader.read(0, len(magic)) == magic else 0
    searched = position = _skip_tags(reader, start_of_frames)
    while (start := _find_sync(reader, frame_format, position)) is not None:
        run = _read_run(reader, frame_format, start)
        run.junk = start - searched
        yield run
        # Start behind the broken frame's header, so as not to find it again.
        searched = run.end if run.broken else _skip_tags(reader, run.end)
        position = searched + run.broken


def _read_run(reader: Reader, frame_format: FrameFormat, start: int) -> FrameRun:
    """The run that begins at `start`, without its last frame if that one is broken."""
    data, at = reader.window(start, HEADER_BYTES)
    first = frame_format.parse(data, at)
    assert first is not None
    kind, size = first.kind, reader.size
    position = last = start
    frames = head_size = 0
    marks = (start, start)  # two places where frames begin, the second up to MEAN_OVER ago
    while position < size:
        if at + HEADER_BYTES > len(data):
            data, at = reader.window(position, HEADER_BYTES)
        header = frame_format.parse(data, at)
        if header is None or header.kind != kind:
            break
        if frames and frames % MEAN_OVER == 0:
            marks = (marks[1], position)
            head_size = head_size or position - start
        last = position
        frames += 1
        position += header.size
        at += header.size
    broken = position != size and not _is_continued(reader, frame_format, position)
    end = last if broken else position
    frames -= broken
    counted = max(1, frames - max(0, (frames - 1) // MEAN_OVER * MEAN_OVER - MEAN_OVER))
    tail_size = (end - marks[0]) / counted
    each = head_size / MEAN_OVER if head_size else (end - start) / max(1, frames)
    return FrameRun(
        start, end, frames, first.samples, first.rate,
        each or first.size, tail_size or first.size, broken,
    )  # fmt: skip


def _is_continued(reader: Reader, frame_format: FrameFormat, position: int) -> bool:
    """Whether a tag or another stream follows the frame that ends at `position`."""
    if position > reader.size:
        return False
    return bool(tag_size(reader.read(position, WINDOW))) or _starts_chain(
        reader, frame_format, position
    )


def _skip_tags(reader: Reader, position: int) -> int:
    while position < reader.size and (size := tag_size(reader.read(position, WINDOW))):
        position += size
    return position


def _find_sync(reader: Reader, frame_format: FrameFormat, position: int) -> int | None:
    """The first frame at or after `position` that is followed by others."""
    while position < reader.size:
        data, at = reader.window(position, HEADER_BYTES)
        if at + HEADER_BYTES > len(data) and frame_format.lead is not None:
            return None
        stop = max(at + 1, len(data) - HEADER_BYTES + 1)
        found = at if frame_format.lead is None else data.find(frame_format.lead, at, stop)
        if found < 0:
            position += max(1, len(data) - HEADER_BYTES + 1 - at)
            continue
        position += found - at
        if _starts_chain(reader, frame_format, position):
            return position
        position += 1
    return None


def _starts_chain(reader: Reader, frame_format: FrameFormat, position: int) -> bool:
    """Whether a chain of headers starts here; the end of the file may cut it short."""
    kind = None
    for number in range(frame_format.chain):
        if position == reader.size:
            return number > 0
        if position > reader.size:
            return False
        data, at = reader.window(position, HEADER_BYTES)
        header = frame_format.parse(data, at)
        if header is None or kind not in (None, header.kind):
            return number > 0 and bool(tag_size(reader.read(position, WINDOW)))
        kind = header.kind
        position += header.size
    return True
