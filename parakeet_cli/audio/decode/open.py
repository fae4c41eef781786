"""Opens a media file, or refuses it in one plain sentence."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Discard

from parakeet_cli.audio.decode.base import MediaRequest
from parakeet_cli.audio.decode.layout.avi_index import without_false_index
from parakeet_cli.audio.decode.layout.base import Layout
from parakeet_cli.audio.decode.layout.parts import Recording
from parakeet_cli.audio.decode.layout.sample_width import with_full_width
from parakeet_cli.audio.decode.libav import language_tag, open_container
from parakeet_cli.audio.decode.mixing.levels import full_scale
from parakeet_cli.audio.decode.recover.file_part import FilePart
from parakeet_cli.audio.decode.recover.fragments import Fragments, read_fragments
from parakeet_cli.audio.decode.recover.matroska import first_cue
from parakeet_cli.audio.decode.recover.mp4 import lacks_index, repair
from parakeet_cli.audio.decode.recover.ogg import TAIL, lacks_first_pages
from parakeet_cli.audio.decode.streams.choose import (
    choose_stream,
    describe_streams,
    is_decodable,
)
from parakeet_cli.audio.decode.streams.decoders import AudioDecoder, decoder_for
from parakeet_cli.errors import InputError
from parakeet_cli.system.regular_files import AT_ONCE
from parakeet_cli.transcript import StreamInfo

PLAYLISTS = frozenset({"hls", "concat", "dash", "imf", "sdp", "rtsp", "webm_dash_manifest"})

LATE = 0.1  # seconds; an encoder's delay is shorter
MAX_LOST_START = 60.0  # seconds; a stream that starts later was recorded from a broadcast
AUDIO_STREAM_HINT = "--audio-stream N selects another one."


@dataclass(frozen=True, slots=True)
class Opened:
    """A container and the audio stream that was chosen from it.

    `origin` is the zero of its timestamps, in seconds: the start of the first of its
    streams, audio or video.
    """

    container: InputContainer
    stream: AudioStream
    decoder: AudioDecoder
    origin: float
    streams: tuple[StreamInfo, ...]
    full_scale: float  # of its samples: 1, unless floats are on another scale
    lost_start: bool = False  # the audio at `origin` is missing
    layout: Layout | None = None
    fragments: Fragments | None = None  # of an MP4 that is made of them

    @property
    def alone(self) -> bool:
        """Whether the file has no other stream.

        FLV has no list of its streams, so damage may look like one, of an unknown codec.
        """
        return all(
            one.index == self.stream.index
            or (self.container.format.name == "flv" and one.codec_context is None)
            for one in self.container.streams
        )


def check_readable(path: Path, name: str) -> None:
    """Raise InputError unless `path` is a regular file that isn't empty."""
    try:
        # Without waiting: a FIFO without a writer must not block the batch.
        descriptor = os.open(path, os.O_RDONLY | AT_ONCE)
        status = os.fstat(descriptor)
        os.close(descriptor)
    except OSError as error:
        raise InputError(_cannot_open(name, error)) from error
    except ValueError as error:  # a null character, or half of one
        raise InputError(f"{name} does not exist: no file can have this name.") from error
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"{name} is a directory, not a media file.")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(
            f"{name} is not a regular file.",
            hint=f"Pipe it in: parakeet transcribe - < {name}",
        )
    if status.st_size == 0:
        raise InputError(f"{name} is empty: it has no bytes at all.")


def open_stream(recording: Recording, request: MediaRequest) -> Opened:
    """Open a recording and choose its audio stream. Raises InputError."""
    part, name = recording.part, request.name
    container = _open_container(part, name)
    try:
        number = _choose(container, part, request)
        stream = container.streams.audio[number]
        _check_channel(stream, name, request.channel)
    except BaseException:
        container.close()
        raise
    # Drop the packets of a video's other streams before they are read.
    for other in container.streams:
        if other.index != stream.index:
            other.discard = Discard.all
    decoder = decoder_for(stream.codec_context)
    fragments = read_fragments(part)
    origin, lost_start = _origin(container, part, fragments)
    streams = describe_streams(container.streams.audio, number)
    scale = full_scale(lambda: _open_container(part, name), stream, number)
    return Opened(
        container,
        stream,
        decoder,
        origin,
        streams,
        scale,
        lost_start,
        recording.layout,
        fragments,
    )


def _origin(
    container: InputContainer, part: FilePart, fragments: Fragments | None
) -> tuple[float, bool]:
    """The zero of the timestamps, and whether the audio that began there is missing."""
    if not container.start_time:  # it may be None, whatever PyAV's stubs say
        return 0.0, False
    start = container.start_time / av.time_base
    kinds = container.format.name.split(",")
    if fragments is not None and fragments.lost_start and LATE < start < MAX_LOST_START:
        return 0.0, True
    if "ogg" in kinds and 0 < start < MAX_LOST_START:
        with part.open() as file:
            if lacks_first_pages(file.read(TAIL)):
                return 0.0, True
    if "matroska" in kinds and start > LATE:
        with part.open() as file:
            first = first_cue(file)
        if first is not None and first < start - LATE:
            return first, True
    return start, False


def _cannot_open(name: str, error: OSError) -> str:
    reasons = {
        errno.ENOENT: f"{name} does not exist.",
        errno.EACCES: f"{name} can't be read: permission denied.",
        errno.EPERM: f"{name} can't be read: permission denied.",
        errno.EISDIR: f"{name} is a directory, not a media file.",
        errno.ENOTDIR: f"{name} does not exist: a part of its path is not a directory.",
        errno.ELOOP: f"{name} is a symbolic link that leads back to itself.",
        errno.ENAMETOOLONG: f"{name} does not exist: its name is too long for this system.",
    }
    return reasons.get(error.errno or 0, f"{name} can't be opened: {error.strerror}.")


def _open_container(part: FilePart, name: str) -> InputContainer:
    # `file:` keeps libav from reading names like `concat:x` or `http://x` as protocols.
    fragments = read_fragments(part)
    repaired: BinaryIO | RawIOBase | None
    if fragments is not None:
        repaired = fragments.patched(part)
    else:
        repaired = repair(part) or without_false_index(part) or with_full_width(part)
    source = repaired or (f"file:{part.path}" if part.is_whole else part.open())
    try:
        container = open_container(source)
    except av.FFmpegError as error:
        if lacks_index(part):
            raise InputError(
                f"{name} was cut off before its index was written, and nothing can be "
                "played without it.",
                hint="Copy it again from its source, or rebuild its index with untrunc.",
            ) from error
        raise InputError(
            f"{name} is not a media file, or its beginning is damaged beyond recognition."
        ) from error
    if PLAYLISTS & set(container.format.name.split(",")):
        container.close()
        raise InputError(
            f"{name} is a playlist, not a media file.", hint="Pass the files that it lists."
        )
    return container


def _choose(container: InputContainer, part: FilePart, request: MediaRequest) -> int:
    """The number of the stream to take, from 0. Raises InputError."""
    streams, name, wanted = container.streams.audio, request.name, request.audio_stream
    if not streams:
        kinds = {stream.type for stream in container.streams}
        if "video" in kinds:
            raise InputError(f"{name} is a video without sound: it has no audio stream.")
        raise InputError(f"{name} has no sound in it: no audio stream was found.")
    if wanted is None:
        wanted = choose_stream(streams, request.language, lambda: _open_container(part, name))
    if not 0 <= wanted < len(streams):
        listing = "; ".join(f"{number}: {_describe(one)}" for number, one in enumerate(streams))
        raise InputError(
            f"{name} has no audio stream {wanted}. It has {listing}.", hint=AUDIO_STREAM_HINT
        )
    if not is_decodable(streams[wanted]):
        raise InputError(f"The sound of {name} is in a format that can't be decoded here.")
    return wanted


def _check_channel(stream: AudioStream, name: str, channel: int | None) -> None:
    count = stream.codec_context.layout.nb_channels
    if channel is None or 0 <= channel < count:
        return
    there_are = "one channel, 0" if count == 1 else f"{count} channels, 0 to {count - 1}"
    raise InputError(f"{name} has no channel {channel}. It has {there_are}.")


def _describe(stream: AudioStream) -> str:
    context = stream.codec_context
    parts = [context.name, f"{context.sample_rate} Hz", context.layout.name]
    if language := language_tag(stream):
        parts.append(language)
    return " ".join(parts)
