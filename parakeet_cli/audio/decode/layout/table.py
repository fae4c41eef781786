"""Recognises recordings by their first bytes, and reads their layouts."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from parakeet_cli.audio.decode.layout.base import Layout
from parakeet_cli.audio.decode.layout.blocks import mp4_layout, voc_layout, wavpack_layout
from parakeet_cli.audio.decode.layout.chunks import (
    W64_RIFF,
    aiff_layout,
    avi_layout,
    caf_layout,
    iff_layout,
    riff_layout,
    w64_layout,
)
from parakeet_cli.audio.decode.layout.headers import (
    ASF_HEADER,
    asf_layout,
    au_layout,
    matroska_layout,
    sox_layout,
    sphere_layout,
    tta_layout,
)
from parakeet_cli.audio.decode.recover.ogg import FIRST, MAX_PAGE, page_at
from parakeet_cli.audio.decode.recover.reader import Reader

WTV = bytes.fromhex("b7d800203749da11a64e0007e95ead8d")
HEAD = 64  # bytes, enough to recognise every kind
MAX_SEARCH = 1 << 28  # bytes


class Kind(NamedTuple):
    """A kind of recording: `magic` is at byte `at`, `form` at byte 8 if it isn't empty."""

    magic: bytes
    layout: Callable[[Reader], Layout | None] | None = None
    form: bytes = b""
    at: int = 0


OGG, FLV, NUT = b"OggS\0", b"FLV\1", b"nut/multimedia container\0"
# What else the first bytes have in common, where four bytes may appear anywhere by chance.
PATTERNS = {
    FLV: re.compile(rb"FLV\x01[\0-\x05]\0\0\0\t\0\0\0\0", re.DOTALL),
    b"ftyp": re.compile(rb"\0\0[\0-\4].ftyp[ -~]{4}", re.DOTALL),
    b"wvpk": re.compile(rb"wvpk..[\0-\x1f]\0[\0-\x10]\x04", re.DOTALL),
    b"TTA1": re.compile(rb"TTA1[\1-\3]\0[\1-\x20]\0[\1-\x20]\0..[\0-\x05]\0", re.DOTALL),
    b".SoX": re.compile(rb".SoX..\0\0", re.DOTALL),
    b"XoS.": re.compile(rb"XoS.\0\0", re.DOTALL),
    b"\x1a\x45\xdf\xa3": re.compile(rb".{4,24}B\x82.{1,8}(?:webm|matroska)", re.DOTALL),
}
FLAC = (Kind(b"fLaC\0\0\0\x22"), Kind(b"fLaC\x80\0\0\x22"))
KINDS = (
    Kind(b"RIFF", riff_layout, b"WAVE"),
    Kind(b"RIFX", riff_layout, b"WAVE"),
    Kind(b"RF64", riff_layout, b"WAVE"),
    Kind(b"BW64", riff_layout, b"WAVE"),
    Kind(b"RIFF", avi_layout, b"AVI "),
    Kind(W64_RIFF, w64_layout),
    Kind(b"FORM", aiff_layout, b"AIFF"),
    Kind(b"FORM", aiff_layout, b"AIFC"),
    Kind(b"FORM", iff_layout, b"8SVX"),
    Kind(b"FORM", iff_layout, b"MAUD"),
    Kind(b"caff\0\1\0", caf_layout),
    Kind(b".snd\0\0", au_layout),
    Kind(b"Creative Voice File\x1a", voc_layout),
    Kind(b"NIST_1A\n", sphere_layout),
    Kind(b".SoX", sox_layout),
    Kind(b"XoS.", sox_layout),
    Kind(b"TTA1", tta_layout),
    Kind(b"wvpk", wavpack_layout),
    Kind(b"ftyp", mp4_layout, at=4),
    Kind(ASF_HEADER, asf_layout),
    Kind(b"\x1a\x45\xdf\xa3", matroska_layout),
    *FLAC,
    Kind(OGG),
    Kind(FLV),
    Kind(b"#!AMR"),
    Kind(NUT),
    Kind(WTV),
)


def kind_at(reader: Reader, position: int) -> Kind | None:
    """The kind of recording that begins at `position`; None if none does."""
    head = reader.read(position, HEAD)
    for kind in KINDS:
        if head[kind.at : kind.at + len(kind.magic)] == kind.magic and (
            not kind.form or head[8:12] == kind.form
        ):
            return kind if _is_first(reader, position, kind) else None
    return None


def _is_first(reader: Reader, position: int, kind: Kind) -> bool:
    """Whether more than the magic says that a recording begins here."""
    if kind.magic == OGG:
        page = page_at(reader.read(position, MAX_PAGE), 0)
        return page is not None and bool(page.flags & FIRST)
    pattern = PATTERNS.get(kind.magic)
    return pattern is None or pattern.match(reader.read(position, HEAD)) is not None


def read_layout(reader: Reader) -> Layout | None:
    """The layout of the recording that `reader` is at the start of, if its header states one."""
    kind = kind_at(reader, 0)
    if kind is None or kind.layout is None:
        return None
    try:
        return kind.layout(reader)
    except (struct.error, OverflowError, OSError):  # a header cut off, or sizes beyond any file
        return None


def find_recording(reader: Reader, position: int, kinds: tuple[Kind, ...] = KINDS) -> int | None:
    """Where the first recording of these kinds begins, from `position` on, if one does."""
    stop = min(reader.size, position + MAX_SEARCH)
    while position < stop:
        data, at = reader.window(position, HEAD)
        last = max(at + 1, len(data) - HEAD)  # what begins later is in the next window, too
        found = [
            position + place - kind.at - at
            for kind in kinds
            for place in _places(data, kind.magic, at + kind.at, last + kind.at)
        ]
        begin = next((one for one in sorted(found) if kind_at(reader, one) is not None), None)
        if begin is not None:
            return begin
        position += last - at
    return None


def _places(data: bytes, magic: bytes, start: int, end: int) -> Iterator[int]:
    """Every place of `magic` in a window."""
    at = data.find(magic, start, end + len(magic) - 1)
    while at >= 0:
        yield at
        at = data.find(magic, at + 1, end + len(magic) - 1)
