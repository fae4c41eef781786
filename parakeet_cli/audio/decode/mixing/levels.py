"""Finds the full scale of float samples that are far beyond the usual one, which is 1.

Some programs write floats on the scale of the integers that they came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import av
import numpy as np
from av import AudioFrame, Packet
from av.audio.stream import AudioStream
from av.container import InputContainer
from numpy.typing import NDArray

LOSSLESS = ("pcm_f", "wavpack")  # what the codecs that keep floats begin with
LIMIT = 2.5  # times full scale, 8 dB: recorders that write floats do go beyond 1
# Scales of signed integers. Below the first peak, the loudest sample is taken for full scale.
NOT_INTEGERS = 1024.0
SCALES = (2.0**15, 2.0**23, 2.0**31)
WHOLE_SECONDS = 30.0  # of a shorter recording every packet is examined
SAMPLED = 300  # packets, all over a longer one
OUTLIERS = 0.005  # share of packets with a flipped bit or the like


def full_scale(reopen: Callable[[], InputContainer], stream: AudioStream, number: int) -> float:
    """The value that must have been full scale; 1 for nearly every recording.

    `stream` is the container's audio stream `number`, and `reopen` opens it once more.
    """
    context = stream.codec_context
    if not context.name.startswith(LOSSLESS) or context.format is None:
        return 1.0
    if not context.format.name.startswith(("flt", "dbl")):
        return 1.0
    with reopen() as container:
        if _usual_peak(_sampled(container, number)) <= LIMIT:
            return 1.0
    with reopen() as container:
        peak = _usual_peak(_every_peak(container, number))
    if peak <= NOT_INTEGERS:
        return max(1.0, peak)
    return next((scale for scale in SCALES if peak <= scale), peak)


def in_words(scale: float) -> str:
    """The doubt about a recording with that full scale; empty for the usual one."""
    if scale == 1.0:
        return ""
    divided = f"so they were divided by {scale:.0f}"
    if scale not in SCALES:
        return f"the samples are floats far beyond full scale, {divided}"
    bits = round(np.log2(scale)) + 1
    return f"the samples are floats on the scale of {bits}-bit integers, {divided}"


def _sampled(container: InputContainer, number: int) -> Iterator[float]:
    """The peaks of packets all over the recording, or of all if it is short."""
    seconds = (container.duration or 0) / av.time_base
    if seconds <= WHOLE_SECONDS:
        yield from _every_peak(container, number)
        return
    stream = container.streams.audio[number]
    with suppress(av.FFmpegError):
        for place in range(SAMPLED):
            container.seek(round(place / SAMPLED * seconds * av.time_base))
            packet = next(iter(container.demux(stream)), None)
            if packet is not None:
                yield _peak(packet)


def _every_peak(container: InputContainer, number: int) -> Iterator[float]:
    with suppress(av.FFmpegError):
        for packet in container.demux(container.streams.audio[number]):
            yield _peak(packet)


def _peak(packet: Packet[Any]) -> float:
    """The loudest finite value; 0 if there is none."""
    peak = 0.0
    with suppress(av.FFmpegError):
        for frame in cast("list[AudioFrame]", packet.decode()):
            values: NDArray[Any] = np.abs(frame.to_ndarray())
            highest = float(values.max(initial=0.0))
            if not np.isfinite(highest):
                highest = float(values[np.isfinite(values)].max(initial=0.0))
            peak = max(peak, highest)
    return peak


def _usual_peak(peaks: Iterator[float]) -> float:
    """The loudest packet's, without the few that a flipped bit may have made loud."""
    found = sorted(peaks)
    if len(found) <= 3:
        return found[-1] if found else 0.0
    return found[-1 - max(1, round(len(found) * OUTLIERS))]
