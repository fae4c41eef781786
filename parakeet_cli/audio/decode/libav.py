"""Opens media by PyAV, alike with every release that pyproject.toml allows."""

from __future__ import annotations

from io import RawIOBase
from typing import Any, BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

# A playlist could otherwise make the decoder fetch addresses or open other files.
OPTIONS = {"protocol_whitelist": "file"}

# In a WAV of 16-bit samples libav looks for DTS and AC-3 that are written as if they were samples,
# and reads 2,500 packets of 4 KiB if it finds none: ten times what all else of opening takes. They
# begin with the file, or after a moment of silence.
_WAVE_OPTIONS = {**OPTIONS, "max_probe_packets": "8"}
_WAVE = {b"RIFF", b"RIFX", b"RF64", b"BW64"}

# Tags are often in another encoding than UTF-8. Until PyAV 18 they are an error unless this is
# said; PyAV 19 reads them with surrogate escapes, and refuses the argument.
_AS_TEXT: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)


def open_container(source: str | BinaryIO | RawIOBase) -> InputContainer:
    """Open a URL or a file object to read it. Raises av.FFmpegError."""
    options = _WAVE_OPTIONS if _is_wave(_head(source)) else OPTIONS
    container = av.open(source, options=options, **_AS_TEXT)
    assert isinstance(container, InputContainer)
    return container


def _head(source: str | BinaryIO | RawIOBase) -> bytes:
    """The first bytes of what is to be opened; none if they can't be read."""
    try:
        if isinstance(source, str):
            with open(source.removeprefix("file:"), "rb") as file:
                return file.read(12)
        head = source.read(12) or b""
        source.seek(0)
    except OSError:  # which libav will report
        return b""
    return head


def _is_wave(head: bytes) -> bool:
    return head[:4] in _WAVE and head[8:12] == b"WAVE"


def language_tag(stream: AudioStream) -> str | None:
    """The language that the file names for a stream; None also where it says `undetermined`."""
    tag = text_tag(stream, "language")
    return None if tag == "und" else tag


def text_tag(stream: AudioStream, name: str) -> str | None:
    """A tag of a stream, as text that can be printed."""
    tag = stream.metadata.get(name)
    return None if tag is None else tag.encode(errors="surrogateescape").decode(errors="replace")
