"""Opens media by PyAV, alike with every release that pyproject.toml allows."""

from __future__ import annotations

from io import RawIOBase
from typing import Any, BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer

# A playlist could otherwise make the decoder fetch addresses or open other files.
OPTIONS = {"protocol_whitelist": "file"}

# Tags are often in another encoding than UTF-8. Until PyAV 18 they are an error unless this is
# said; PyAV 19 reads them with surrogate escapes, and refuses the argument.
_AS_TEXT: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
)


def open_container(source: str | BinaryIO | RawIOBase) -> InputContainer:
    """Open a URL or a file object to read it. Raises av.FFmpegError."""
    container = av.open(source, options=OPTIONS, **_AS_TEXT)
    assert isinstance(container, InputContainer)
    return container


def language_tag(stream: AudioStream) -> str | None:
    """The language that the file names for a stream; None also where it says `undetermined`."""
    tag = text_tag(stream, "language")
    return None if tag == "und" else tag


def text_tag(stream: AudioStream, name: str) -> str | None:
    """A tag of a stream, as text that can be printed."""
    tag = stream.metadata.get(name)
    return None if tag is None else tag.encode(errors="surrogateescape").decode(errors="replace")
