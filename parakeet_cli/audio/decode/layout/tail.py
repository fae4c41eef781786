"""Finds out what follows a recording in its file: nothing, tags, another one, or more sound."""

from __future__ import annotations

from dataclasses import dataclass

from parakeet_cli.audio.decode.layout.table import find_recording, kind_at
from parakeet_cli.audio.decode.recover.mpeg import starts_stream
from parakeet_cli.audio.decode.recover.mpeg_headers import tag_size
from parakeet_cli.audio.decode.recover.reader import Reader

TAG_HEAD = 1 << 13  # bytes; a Lyrics3 tag has at most 5,100
MAX_TAGS = 1000  # chunks and tags in a row
# What writers of RIFF and AIFF put behind the sound. A size beyond the file's end is harmless
# in them: it is the tag that was cut off.
TRAILING_CHUNKS = frozenset(
    b"LIST|id3 |ID3 |bext|cue |fact|PEAK|JUNK|PAD |iXML|axml|_PMX|smpl|inst|afsp|DISP|chna|cart|"
    b"levl|minf|elm1|regn|umid|strc|FLLR|idx1|NAME|AUTH|ANNO|(c) |COMT|MARK|INST|APPL|CHAN|pakt|"
    b"info|free|uuid|strg|mark|kuki|chan|edct".split(b"|")
)


@dataclass(frozen=True, slots=True)
class Tail:
    """What follows a recording: `next_start` is where another one begins, `unread` are bytes
    that are neither tags, padding nor a recording; both in bytes of the file read.
    """

    next_start: int | None = None
    unread: range = range(0)


def examine_tail(reader: Reader, position: int) -> Tail:
    """Examine what follows a recording that ends at `position`."""
    first = position
    for _ in range(MAX_TAGS):
        if position >= reader.size:
            return Tail()
        if _begins(reader, position):
            return Tail(position)
        head = reader.read(position, TAG_HEAD)
        length = tag_size(head) or _chunk_size(head, reader.size - position)
        length = length or _zeros(reader, position)
        if not length:
            break
        position += length
    # A recording behind something unknown, as if a download had failed and begun again.
    begin = find_recording(reader, first)
    return Tail(begin, range(first, begin or reader.size))


def _begins(reader: Reader, position: int) -> bool:
    return kind_at(reader, position) is not None or starts_stream(reader, position)


def _chunk_size(head: bytes, left: int) -> int:
    """The bytes of a RIFF, IFF or CAF chunk with its header and padding; 0 if it isn't one."""
    if not all(0x20 <= byte < 0x7F for byte in head[:4]) or len(head) < 8:
        return 0
    for width, size in (
        (8, int.from_bytes(head[4:12], "big")),
        (4, int.from_bytes(head[4:8], "little")),
        (4, int.from_bytes(head[4:8], "big")),
    ):
        if size <= left - 4 - width:
            return 4 + width + size + size % 2
    return left if head[:4] in TRAILING_CHUNKS else 0


def _zeros(reader: Reader, position: int) -> int:
    """The number of zeros from `position` on."""
    start = position
    while position < reader.size:
        data, at = reader.window(position, 1)
        rest = data[at:] if at else data
        zeros = len(rest) - len(rest.lstrip(b"\0"))
        position += zeros
        if zeros < len(rest):
            break
    return position - start
