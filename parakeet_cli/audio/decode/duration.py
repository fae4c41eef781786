"""The duration that each container declares, and how reliable it is."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import av
from av.container import InputContainer

from parakeet_cli.audio.decode.coverage import NO_END_MARK, NOT_FOUND, DeclaredDuration
from parakeet_cli.audio.decode.layout.avi_index import indexed_seconds
from parakeet_cli.audio.decode.layout.base import MAX_RATIO, MISCOUNT, Layout
from parakeet_cli.audio.decode.layout.cut_packets import is_cut_flv
from parakeet_cli.audio.decode.open import LATE, Opened
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.flac import stream_info
from parakeet_cli.audio.decode.recover.fragments import Fragments
from parakeet_cli.audio.decode.recover.matroska import first_cue
from parakeet_cli.audio.decode.recover.ogg import ogg_duration
from parakeet_cli.audio.decode.recover.reader import Reader

HEAD = 1 << 16  # bytes that hold every header read here
FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")  # its GUID in ASF
# Codecs whose bytes last equally long, so that missing bytes are missing seconds.
CONSTANT = ("pcm_", "adpcm_", "g722", "g726", "gsm", "dfpwm")
UNDELAYED = (*CONSTANT, "opus", "flac")  # whose every packet is sound at once
ROUNDED_RATE = ("dfpwm", "g726")  # whose samples are no whole bytes
ADX_FRAMES = 64  # samples to which writers round up
NUT_PACKET = 0.002  # seconds that the last packet lasts at least
PICTURE = 0.045  # seconds; the slowest of the usual rates has 24 a second
PACKET = 0.12  # seconds of sound, that writers put into one packet of FLV, or codecs hold back
AVI_SLACK = 0.05  # seconds; two frames of MP3, one of AAC
MPEG4_FRAME = 1024 / 44_100  # seconds of an AAC frame, to which an index or a muxer may round


def declared_duration(part: FilePart, opened: Opened) -> DeclaredDuration:
    """The duration that the header declares for the chosen stream."""
    for name in opened.container.format.name.split(","):
        if name in DECLARED_DURATIONS:
            with part.open() as file:
                return DECLARED_DURATIONS[name](file, opened)
    return _estimated(opened)


def declared_seconds(container: InputContainer) -> float | None:
    """The duration by libav's reading of the header, which may be an estimate."""
    if container.duration is None or container.duration <= 0:
        return None
    return container.duration / av.time_base


def planned_seconds(layout: Layout | None, container: InputContainer) -> float | None:
    """What libav takes for the duration, unless the header has a placeholder for it."""
    return None if layout is not None and layout.size is None else declared_seconds(container)


def stream_end(opened: Opened) -> float | None:
    """The end of the stream on the clock, by its own header; None if it declares none."""
    stream, base = opened.stream, opened.stream.time_base
    if not stream.duration or stream.duration < 0 or base is None:
        return None
    start = float((stream.start_time or 0) * base) - opened.origin
    return start + float(stream.duration * base)


def _sized(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The declared size of the sound, if it counts samples of one size.

    Of other codecs libav's duration is an estimate; what a cut file lacks is found out at its
    end, from the sound that its bytes held (`ending`).
    """
    layout, context = opened.layout, opened.stream.codec_context
    if layout is None or layout.size is None:
        return DeclaredDuration()
    frame = pcm_frame_bytes(context.name, context.layout.nb_channels)
    if not frame or not context.sample_rate:
        return _estimated(opened)
    seconds = layout.size // frame / context.sample_rate
    return DeclaredDuration(seconds, "exact", slack=MISCOUNT / frame / context.sample_rate)


def pcm_frame_bytes(codec: str, channels: int) -> int:
    """Bytes of one sample of all channels; 0 if the codec isn't PCM."""
    pcm = re.fullmatch(r"pcm_(?:[suf](\d+)(?:le|be)?(?:_planar)?|alaw|mulaw)", codec)
    return channels * int(pcm[1] or 8) // 8 if pcm else 0


def _estimated(opened: Opened) -> DeclaredDuration:
    declared = declared_seconds(opened.container)
    return DeclaredDuration(declared, "none" if declared is None else "estimated")


def _flac(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """STREAMINFO's number of samples, if it isn't 0, which means unknown."""
    info = stream_info(file.read(HEAD))
    if info is None or not info.rate or not info.total:
        return DeclaredDuration()
    return DeclaredDuration(info.total / info.rate, "exact")


def _index(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The sample table and the edit list, which count in the stream's own units."""
    end = stream_end(opened)
    if opened.fragments is not None:
        return _fragmented(opened, opened.fragments, end or 0.0)
    return DeclaredDuration() if end is None else DeclaredDuration(end, "exact", slack=MPEG4_FRAME)


def _fragmented(opened: Opened, fragments: Fragments, end: float) -> DeclaredDuration:
    """The end of the last fragment; of one that is cut off in its index, a frame is known."""
    last = (fragments.end_of(opened.stream.id) or 0.0) - opened.origin
    # A segment index (sidx) may state more than there is; a damaged one states anything.
    # libav adds a late start to it, also where that is damage.
    believable = end < MAX_RATIO * last and not fragments.lost_start
    end = max(end, last) if believable else last
    if end <= 0:
        return DeclaredDuration()
    if fragments.cut and fragments.damaged:
        until = end + MPEG4_FRAME
        return DeclaredDuration(until, "estimated", 0.0, NO_END_MARK, known_until=until)
    return DeclaredDuration(end, "exact", slack=MPEG4_FRAME)


def _matroska(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The Duration element, or the stream's own statistics if there are several streams.

    libav's muxer counts them from the clock's zero, mkvmerge from the first block: for a
    file that starts late by its own index, only the shorter of the two counts.
    """
    late = opened.origin if opened.origin > LATE and first_cue(file) is not None else 0.0
    file.seek(0)
    # An AAC priming frame, rounded milliseconds, Opus' pre-skip.
    frame = 1024 / (opened.stream.codec_context.sample_rate or 1024)
    slack = 0.035 if opened.stream.codec_context.name != "aac" else 0.012 + frame
    statistics = re.fullmatch(r"(\d+):(\d+):(\d+\.\d+)", opened.stream.metadata.get("DURATION", ""))
    if statistics:
        hours, minutes, seconds = statistics.groups()
        end = int(hours) * 3600 + int(minutes) * 60 + float(seconds)
        return DeclaredDuration(end - late, "exact", slack)
    head = file.read(HEAD)
    info = head.find(b"\x15\x49\xa9\x66")
    declared = declared_seconds(opened.container)
    if declared is None or info < 0 or head.find(b"\x44\x89", info) < 0:
        return DeclaredDuration()
    return DeclaredDuration(declared - late, "exact" if opened.alone else "estimated", slack)


def _ogg(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    return ogg_duration(file, opened.stream.codec_context.sample_rate, opened.origin)


def _asf(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The play duration in 100 ns units, minus the preroll (ASF specification, 3.2)."""
    head = file.read(HEAD)
    at = head.find(FILE_PROPERTIES)
    if at < 0 or at + 92 > len(head):
        return DeclaredDuration()
    play, _, preroll, flags = struct.unpack("<QQQI", head[at + 64 : at + 92])
    seconds = play / 10_000_000 - preroll / 1000
    if flags & 1 or seconds <= 0:  # a broadcast, whose end was unknown
        return DeclaredDuration()
    return DeclaredDuration(seconds, "exact", slack=0.05)


def _count(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The number of samples in the header."""
    end = stream_end(opened)
    return DeclaredDuration() if end is None else DeclaredDuration(end, "exact")


def _packets(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """CAF: the packet table's number of samples, else the size of the data."""
    end = stream_end(opened)
    if end is None or opened.stream.codec_context.name.startswith(CONSTANT):
        return _sized(file, opened)
    return DeclaredDuration(end, "exact", slack=MPEG4_FRAME)


def _adx(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """ADX: the number of samples, in big-endian."""
    samples = int.from_bytes(file.read(16)[12:], "big")
    rate = opened.stream.codec_context.sample_rate
    if not samples or not rate:
        return DeclaredDuration()
    return DeclaredDuration(samples / rate, "exact", slack=ADX_FRAMES / rate)


def _edit_units(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """MXF: the duration of the sound's track, in units as long as a picture; PCM fills them."""
    end = stream_end(opened)
    slack = PICTURE / 2 if opened.stream.codec_context.name.startswith("pcm_") else PICTURE
    return DeclaredDuration() if end is None else DeclaredDuration(end, "exact", slack)


def _avi(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """The stream's length, where header and index agree on it; a last chunk may not be full."""
    reader = Reader(file, file.seek(0, 2))
    seconds = indexed_seconds(reader, opened.stream.index)
    if seconds is None or opened.stream.codec_context.name.startswith(ROUNDED_RATE):
        return _estimated(opened)
    return DeclaredDuration(seconds, "exact", slack=AVI_SLACK, reason=NOT_FOUND)


def _last_timestamp(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """FLV and RealMedia: a duration that a writer took from its last packet.

    Where a picture may outlast the sound, the file must also end within a packet.
    """
    declared = _estimated(opened)
    reader = Reader(file, file.seek(0, 2))
    cut = opened.container.format.name == "flv" and is_cut_flv(reader)
    if declared.seconds is None or not (opened.alone or cut):
        return declared
    return replace(declared, slack=0.0 if cut else PACKET, known_until=declared.seconds)


def _nut(file: BinaryIO, opened: Opened) -> DeclaredDuration:
    """NUT: the time of the last packet, by the index at the end."""
    declared = _estimated(opened)
    if declared.seconds is None or not opened.alone or opened.layout is None:
        return declared
    if opened.layout.open_end:
        return DeclaredDuration()
    until = declared.seconds + NUT_PACKET
    slack = 0.0 if opened.stream.codec_context.name.startswith(UNDELAYED) else PACKET
    return replace(declared, slack=slack, known_until=until, reason=NOT_FOUND)


DECLARED_DURATIONS: dict[str, Callable[[BinaryIO, Opened], DeclaredDuration]] = {
    "wav": _sized,
    "w64": _sized,
    "aiff": _sized,
    "au": _sized,
    "nistsphere": _sized,
    "sox": _sized,
    "caf": _packets,
    "tta": _count,
    "wv": _count,
    "mxf": _edit_units,
    "flac": _flac,
    "mov": _index,
    "matroska": _matroska,
    "ogg": _ogg,
    "asf": _asf,
    "avi": _avi,
    "flv": _last_timestamp,
    "rm": _last_timestamp,
    "nut": _nut,
    # What game engines use; the header counts samples.
    "adx": _adx,
    "ast": _count,
    "apm": _count,
    "argo_asf": _count,
    "kvag": _count,
    "smjpeg": _count,
}
