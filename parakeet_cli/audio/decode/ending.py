"""Finds out at the end of a recording what of it is missing, and what was left unread.

This is the one place that compares the last byte that was read with the file's size and with
the size that the header declares. No bytes are left without a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from parakeet_cli.audio.decode.coverage import (
    CUT_PACKET,
    ENDS_EARLY,
    NO_END_MARK,
    DeclaredDuration,
)
from parakeet_cli.audio.decode.duration import CONSTANT
from parakeet_cli.audio.decode.layout.base import MISCOUNT
from parakeet_cli.audio.decode.layout.cut_packets import ends_within_packet
from parakeet_cli.audio.decode.layout.parts import Recording
from parakeet_cli.audio.decode.layout.tail import Tail, examine_tail
from parakeet_cli.audio.decode.open import Opened
from parakeet_cli.audio.decode.packets import Decoding
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.mpeg import FrameIndex
from parakeet_cli.audio.decode.recover.mpegts import end_of_packets
from parakeet_cli.audio.decode.recover.reader import Reader

SHORTEST = 2048  # bytes; behind the last frame there are mostly just tags
LITTLE, MUCH = 0.05, 3.0  # ratios of two estimates
HARMLESS = 0.1  # seconds; as much sound as fits into the unread bytes may be padding
# By libav's name of the container: bytes that may follow its last packet of sound, which are
# the container's own. In all others a packet's position isn't where it ends, or an index
# says what there is.
OVERHEAD = {
    "wav": MISCOUNT,
    "w64": MISCOUNT,
    "aiff": MISCOUNT,
    "au": MISCOUNT,
    "caf": 4096,
    "voc": MISCOUNT,
    "sox": MISCOUNT,
    "nistsphere": MISCOUNT,
    "tta": 4096,
    "wv": MISCOUNT,
    "flv": MISCOUNT,
    "nut": 1024,  # its headers, again
    "ac3": MISCOUNT,
    "eac3": MISCOUNT,
    "mpegts": 8 * 188,
}


@dataclass(frozen=True, slots=True)
class Ending:
    """What the end of a recording shows.

    `declared` is the declared duration in the light of what was decoded. `unread_seconds` is
    how long bytes that couldn't be read would last, and `resume` the byte of the file at which
    another recording begins. Each of the file's `size` bytes lasts `per_byte` seconds.
    """

    declared: DeclaredDuration
    unread_seconds: float
    resume: int | None
    size: int
    per_byte: float

    def seconds_from(self, position: int | None) -> float:
        """How long the bytes from `position` on would last; 0 for None."""
        return 0.0 if position is None else (self.size - position) * self.per_byte


def examine_end(
    recording: Recording,
    opened: Opened,
    decoding: Decoding,
    declared: DeclaredDuration,
    seconds: float,
) -> Ending:
    """Examine the end of a recording, after `seconds` of it were decoded or lost."""
    part, layout = recording.part, recording.layout
    start = layout.start if layout is not None else 0
    read = decoding.position - start
    per_byte = seconds / read if read > 0 else 0.0
    tail = _unread_tail(recording, opened, decoding)
    resume = recording.following
    if tail.next_start is not None:
        resume = part.start + tail.next_start
    unread_seconds = (len(tail.unread) + len(recording.unread)) * per_byte
    if layout is not None and layout.size is not None and declared.basis != "exact":
        missing = max(layout.start + layout.size, layout.end or 0) - part.size
        unread_sound = layout.start + layout.size - decoding.position
        constant = opened.stream.codec_context.name.startswith(CONSTANT)
        ends_open = layout.open_end and missing > -MISCOUNT
        if ends_open or (missing > MISCOUNT and unread_sound > MISCOUNT):
            until = seconds + unread_sound * per_byte
            until = _nearer(until, layout.seconds)
            if ends_open:  # between two blocks, it isn't known how much is missing
                until = max(until, seconds + HARMLESS)
            reason = NO_END_MARK if layout.open_end else ENDS_EARLY
            declared = DeclaredDuration(until, "estimated", 0.0, reason, known_until=until)
            unread_seconds = 0.0
        if constant and _is_sequential(opened) and not layout.open_end:
            until = max(declared.known_until or 0.0, seconds, decoding.reached)
            declared = replace(declared, basis="exact", seconds=until)
    if (
        declared.basis != "exact"
        and declared.known_until is None
        and _is_cut(opened, decoding, part)
    ):
        until = max(seconds, decoding.reached) + HARMLESS
        declared = DeclaredDuration(until, "estimated", 0.0, CUT_PACKET, known_until=until)
    if declared.basis != "exact":
        unreadable = part.unreadable_from(decoding.position) * per_byte
        unread_seconds = max(unread_seconds, unreadable)
    unread_seconds = unread_seconds if unread_seconds > HARMLESS else 0.0
    return Ending(declared, unread_seconds, resume, part.path.stat().st_size, per_byte)


def _is_cut(opened: Opened, decoding: Decoding, part: FilePart) -> bool:
    """Whether the file ends within a packet."""
    with part.open() as file:
        reader = Reader(file, part.size)
        return ends_within_packet(reader, opened.container.format.name, decoding.position)


def end_of_frames(part: FilePart, index: FrameIndex) -> int | None:
    """Where another kind of recording begins behind the last frame, if one does."""
    end = index.runs[-1].end
    if part.size - end < SHORTEST:
        return None
    with part.open() as file:
        return examine_tail(Reader(file, part.size), end).next_start


def _nearer(measured: float, declared: float | None) -> float:
    """The declared seconds, if those measured by bytes are near them but not next to them.

    Codecs of varying rates are measured badly by a short beginning; some writers round up.
    """
    if declared is None or not measured / MUCH < declared < measured * MUCH:
        return measured
    return measured if abs(declared - measured) < LITTLE * measured else declared


def _unread_tail(recording: Recording, opened: Opened, decoding: Decoding) -> Tail:
    """What follows the last byte that was read, within the bytes that the sound should have."""
    part, layout = recording.part, recording.layout
    if decoding.following is not None:
        return Tail(decoding.following)
    stop = part.size
    if layout is not None and layout.size is not None:
        stop = min(stop, layout.start + layout.size)
    left = stop - decoding.position
    overhead = OVERHEAD.get(opened.container.format.name, 0)
    if not decoding.failed and not (_is_sequential(opened) and left > overhead):
        return Tail()
    with part.open() as file:
        reader, position = Reader(file, part.size), max(1, decoding.position)
        if opened.container.format.name == "mpegts":
            position = end_of_packets(reader, position)
        return examine_tail(reader, position)


def _is_sequential(opened: Opened) -> bool:
    """Whether the positions of packets show how far the file was read."""
    return opened.container.format.name in OVERHEAD and opened.alone
