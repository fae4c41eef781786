"""Makes a file of every container with every codec that libav here can write."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from functools import cache

import av
import numpy as np
import soxr

from parakeet_cli.audio.decode.libav import open_container
from tests.media_files import LAYOUTS, Floats, speech

# Playlists, devices, checksums, and what is for one stream of another kind.
NOT_FILES = frozenset(
    name
    for line in (
        "alsa oss fbdev sap rtp rtsp rtp_mpegts whip hls dash hds segment tee fifo null md5 hash",
        "crc framecrc framehash framemd5 streamhash image2 image2pipe smoothstreaming rawvideo",
        "uncodedframecrc ffmetadata data webm_chunk webm_dash_manifest mkvtimestamp_v2 spdif",
        "stream_segment,ssegment video4linux2,v4l2",
    )
    for name in line.split()
)
NOT_SOUND = frozenset({"anull", "comfortnoise"})
# What codecs accept; all others take 16 kHz mono.
RATES = {
    **dict.fromkeys(("libopus", "opus", "pcm_bluray", "pcm_dvd"), 48_000),
    **dict.fromkeys(("libmp3lame", "mp3", "mp2", "mp2fixed", "ac3", "ac3_fixed", "eac3"), 44_100),
    **dict.fromkeys(("wmav1", "wmav2"), 44_100),
    **dict.fromkeys(("g723_1", "g726", "g726le", "libopencore_amrnb", "real_144"), 8_000),
    **dict.fromkeys(("roq_dpcm", "adpcm_swf"), 22_050),
    "pcm_s24daud": 96_000,
}
FLV_RATES = {
    **dict.fromkeys(("pcm_alaw", "pcm_mulaw"), 8_000),
    **dict.fromkeys(("pcm_s16be", "pcm_s16le", "pcm_u8"), 11_025),
}
CHANNELS = {"pcm_s24daud": 6, "pcm_bluray": 2, "pcm_dvd": 2, "roq_dpcm": 2, "aptx": 2}


def muxers() -> list[str]:
    """The names of the containers that can be written."""
    return sorted(name for name in av.formats_available - NOT_FILES if _writes(name))


def _writes(name: str) -> bool:
    try:
        av.ContainerFormat(name, "w")
    except ValueError:
        return False
    return True


@cache
def encoders() -> tuple[str, ...]:
    """The names of the codecs of sound that can be written."""
    return tuple(name for name in sorted(av.codecs_available - NOT_SOUND) if _encodes_sound(name))


def _encodes_sound(name: str) -> bool:
    try:
        return av.Codec(name, "w").type == "audio"
    except ValueError:  # it only decodes
        return False


@cache
def _sound(rate: int, seconds: float) -> Floats:
    sound: Floats = soxr.resample(speech(seconds + 1)[8_000:], 16_000, rate)
    return sound[: round(rate * seconds)]


def encode(muxer: str, codec: str, seconds: float) -> bytes:
    """Speech in a file. Raises what PyAV raises where the two don't go together."""
    rate = RATES.get(codec, 16_000)
    if muxer == "flv":
        rate = FLV_RATES.get(codec, rate)
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        context = stream.codec_context
        context.layout = LAYOUTS[CHANNELS.get(codec, 1)]
        context.options = {"strict": "-2"}
        if codec.startswith("g726"):
            context.bit_rate = 32_000
        resampler = av.AudioResampler(format=context.format, layout=context.layout, rate=rate)
        sound = _sound(rate, seconds)
        for first in range(0, len(sound), rate // 10):
            part = np.ascontiguousarray(sound[first : first + rate // 10]).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(part, format="flt", layout="mono")
            frame.sample_rate = rate
            frame.pts = first
            frame.time_base = Fraction(1, rate)
            for converted in resampler.resample(frame):
                container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return file.getvalue()


def readable_codecs(muxer: str) -> Iterator[str]:
    """Each codec that this container takes, and that libav can read from it again.

    Headerless samples and the like aren't: nothing in the file says what they are.
    """
    for codec in encoders():
        try:
            data = encode(muxer, codec, 0.2)
            with open_container(io.BytesIO(data)) as container:
                seconds = sum(one.samples / one.sample_rate for one in container.decode(audio=0))
        except (av.FFmpegError, ValueError, IndexError, TypeError):
            continue
        if seconds > 0.1:
            yield codec
