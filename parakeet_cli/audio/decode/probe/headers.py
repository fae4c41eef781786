"""Reads the duration that a file declares from a few kilobytes of it, some thousand files a second.

Files are a stranger's: every read has a limit, no size in them is believed beyond the file's own,
and whatever goes wrong means that the duration isn't known here. libav is asked then, in a process
of its own (`audio.decode.media.probe_duration`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from parakeet_cli.audio.decode.probe.containers import matroska_seconds, mp4_seconds, ogg_seconds
from parakeet_cli.audio.decode.probe.frames import frames_seconds
from parakeet_cli.audio.decode.probe.samples import (
    aiff_seconds,
    au_seconds,
    flac_seconds,
    wav_seconds,
)
from parakeet_cli.audio.decode.recover.reader import Reader
from parakeet_cli.system.regular_files import open_regular

WINDOW = 1 << 12  # bytes read at a time
MAX_READS = 300  # of one file: a header may be made of ten thousand empty chunks
MAX_SECONDS_A_BYTE = 1.0  # silence in FLAC has 50 bytes a second

Read = Callable[[Reader], float | None]

# By the place of some bytes in a file's head, and the bytes.
HEADERS: tuple[tuple[int, bytes, Read], ...] = (
    (8, b"WAVE", wav_seconds),
    (8, b"AIFF", aiff_seconds),
    (8, b"AIFC", aiff_seconds),
    (0, b"fLaC", flac_seconds),
    (0, b"OggS", ogg_seconds),
    (4, b"ftyp", mp4_seconds),
    (0, b"\x1a\x45\xdf\xa3", matroska_seconds),
    (0, b".snd", au_seconds),
    (0, b"ID3", frames_seconds),
    (0, b"\xff", frames_seconds),
)


class HeaderReader(Reader):
    """Reads a few kilobytes at a time, and not often."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        super().__init__(file, size, WINDOW)
        self._left = MAX_READS

    def window(self, position: int, length: int) -> tuple[bytes, int]:
        self._left -= 1
        if self._left < 0:
            raise ValueError("This header is no header")
        return super().window(position, length)


def header_seconds(path: str | os.PathLike[str]) -> float | None:
    """The length that the header declares, in seconds; None if it isn't known here.

    Nothing is raised, and a FIFO or a device isn't opened.
    """
    try:
        with open(open_regular(os.fspath(path)), "rb", buffering=0) as file:
            reader = HeaderReader(file, os.fstat(file.fileno()).st_size)
            head = reader.read(0, 12)
            read = next((one for at, magic, one in HEADERS if head.startswith(magic, at)), None)
            seconds = None if read is None else read(reader)
            most = MAX_SECONDS_A_BYTE * reader.size
    except Exception:  # of whatever kind: the file's bytes may be anything
        return None
    return seconds if seconds is not None and 0 < seconds <= most else None
