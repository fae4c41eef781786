"""Encodes audio to frames, within the memory that is available.

There are three ways. The length of the chunk and the free memory decide:

whole    full attention, as the models are published
local    attention over 10 s on each side, memory in proportion to the length
windows  the encoder sees one window at a time, with audio on both sides of it, and only the
         frames of its middle are used; memory doesn't depend on the length

In every case the features are computed, and normalised, over the whole chunk. The frames of all
windows are decoded as one sequence, so the decoder carries its state from window to window, and
no boundary loses or doubles anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cuda import Cuda, cuda_of
from .memory import LOCAL_CONTEXT, SHARE, WAYS, EncoderShape, MemoryLimit, Way
from .prompts import add_prompt

SAMPLE_RATE = 16_000
_SHORTEST = 3200  # samples: normalising a spectrum over time needs some frames
_LEFT, _MIDDLE, _RIGHT = 10.0, 30.0, 5.0  # seconds; NeMo's own advice for files is 10, 10, 5
_CPU_SECONDS = 120.0  # of audio in a batch: a CPU is busy with that and gains nothing from more
_LEAST_MIDDLE = 2.0  # seconds: if that takes too much memory, the window is not the reason


class Encoder:
    """A model's preprocessor and encoder."""

    def __init__(
        self,
        model: Any,
        log: Callable[[str], None],
        cuda: Cuda | None = None,
        *,
        workers: int = 1,
    ) -> None:
        """`workers` is how many processes share the device's memory, this one included."""
        self._model = model
        self._cuda = cuda or cuda_of(next(model.encoder.parameters()).device)
        self._share = SHARE / workers
        self._log = log
        encoder = model.encoder
        first = next(encoder.parameters())
        self.device, self._dtype = first.device, first.dtype
        config = model.cfg.encoder
        self._subsampling = int(config.get("subsampling_factor", 0) or 0)
        stride = float(model.cfg.preprocessor.get("window_stride", 0.01))
        self._has_attention = hasattr(encoder, "change_attention_model")
        self._shape = EncoderShape(
            mels=int(config.get("feat_in", 80)),
            width=int(config.get("d_model", 512)),
            heads=int(config.get("n_heads", 8)),
            channels=_channels(config),
            subsampling=self._subsampling or 8,
            bytes_each=first.element_size(),
        )
        self.frame_seconds = stride * (self._subsampling or 8)
        self._attention = (
            (encoder.self_attention_model, list(encoder.att_context_size))
            if self._has_attention
            else ("none", [-1, -1])
        )
        self._current_attention = self._attention
        self._middle = _MIDDLE
        self._limit = MemoryLimit()

    def ways(self) -> tuple[Way, ...]:
        """The ways that this encoder supports, the best first."""
        local = self._attention == ("rel_pos", [-1, -1])
        return tuple(
            way
            for way in WAYS
            if way == "whole" or (way == "local" and local) or (way == "windows" and self._aligned)
        )

    @property
    def _aligned(self) -> bool:
        """Whether a window's frames can be counted from its mel frames."""
        return self._subsampling > 1

    def free(self) -> float:
        """Bytes that a batch may take."""
        return min(self._limit.bytes, self._available())

    def _available(self) -> float:
        return self._cuda.free_memory() * self._share

    def way_for(self, seconds: float, count: int = 1) -> Way:
        """The best way that fits the free memory."""
        ways = self.ways()
        free = self.free()
        for way in ways:
            if self._shape.peak(way, seconds, count) <= free:
                return way
        return ways[-1]

    def budget(self, seconds: float, way: Way | None = None) -> float:
        """How many seconds, in chunks of that length, fit one batch."""
        way = way or self.way_for(seconds)
        if way == "windows":
            return seconds
        chunks = self.free() / self._shape.peak(way, seconds)
        if self.device.type == "cpu":
            chunks = min(chunks, _CPU_SECONDS / seconds)
        return seconds * max(1, int(chunks))

    def reduce_limit(self, seconds: float, count: int) -> bool:
        """Limit batches to half of the memory of one like this, which ran out of memory.

        False if it was the smallest window already and can't be halved.
        """
        way = self.way_for(seconds, count)
        self._limit.halve(self._shape.peak(way, seconds, count))
        if way == "windows" and count == 1:
            if self._middle <= _LEAST_MIDDLE:
                return False
            self._middle /= 2
        self._log(f"Out of memory: batches of at most {self._limit.bytes / 2**20:.0f} MiB now.")
        return True

    def succeeded(self) -> None:
        """Count a batch that did not run out of memory: after some, larger ones are tried."""
        if self._limit.applies and self._limit.succeeded(self._available()):
            self._middle = min(_MIDDLE, 2 * self._middle)
            self._log("Batches may take twice the memory again.")

    def features(self, sounds: Sequence[NDArray[np.float32]]) -> tuple[Any, Any]:
        """Mel features, shape (batch, mels, frames), and each item's number of frames."""
        import torch

        longest = max(_SHORTEST, max(map(len, sounds)))
        padded = self._cuda.host_buffer(len(sounds), longest)
        rows = padded.numpy()
        for row, sound in zip(rows, sounds, strict=True):
            row[: len(sound)] = sound
            row[len(sound) :] = 0.0
        lengths = torch.tensor([max(_SHORTEST, len(sound)) for sound in sounds])
        with self._cuda.ahead():
            features, counts = self._model.preprocessor(
                input_signal=self._cuda.to_device(padded), length=self._cuda.to_device(lengths)
            )
        self._cuda.join([features, counts])
        return features, counts

    def encode(
        self,
        sounds: Sequence[NDArray[np.float32]],
        way: Way | None = None,
        boundaries: Sequence[int] = (),
    ) -> tuple[Any, Any, Way]:
        """Encoder frames, shape (batch, frames, width), their counts, and the way used.

        The memory decides unless `way` is one that the encoder supports. `boundaries` are the
        frames at which windows meet, for tests; by default they meet where it is quiet.
        """
        seconds = max(map(len, sounds)) / SAMPLE_RATE
        if way not in self.ways():
            way = self.way_for(seconds, len(sounds))
        features, counts = self.features(sounds)
        if way == "windows":
            encoded, lengths = self._windows(features, counts, boundaries)
            return encoded, lengths, way
        self._attend("local" if way == "local" else "whole")
        return (*self._run(features, counts), way)

    def _run(self, features: Any, counts: Any) -> tuple[Any, Any]:
        encoded, lengths = self._model.encoder(audio_signal=features.to(self._dtype), length=counts)
        return add_prompt(self._model, encoded).transpose(1, 2), lengths

    def _attend(self, way: str) -> None:
        """Full or local attention; the weights stay, the modules are new."""
        if not self._has_attention:
            return
        attention = (
            ("rel_pos_local_attn", [LOCAL_CONTEXT, LOCAL_CONTEXT])
            if way == "local"
            else self._attention
        )
        if attention == self._current_attention:
            return
        encoder = self._model.encoder
        encoder.change_attention_model(*attention, update_config=False, device=self.device)
        encoder.to(device=self.device, dtype=self._dtype)
        encoder.eval()
        self._current_attention = attention

    def _windows(self, features: Any, counts: Any, boundaries: Sequence[int]) -> tuple[Any, Any]:
        import torch

        self._attend("whole")
        rows = []
        for row, count in zip(features, counts.tolist(), strict=True):
            mels = row[None, :, :count]
            rows.append(torch.cat(list(self._window_frames(mels, boundaries)), dim=1)[0])
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths

    def _window_frames(self, mels: Any, boundaries: Sequence[int]) -> Iterator[Any]:
        """The frames of each window's middle, in order."""
        each = self._subsampling
        total = mels.shape[-1]
        left, right = self._frames(_LEFT), self._frames(_RIGHT)
        given = list(boundaries)
        start = 0
        while True:
            end = given.pop(0) if given else self._boundary(mels, start)
            begin = max(0, start - left)
            if end is None or end * each >= total:
                yield self._encode_window(mels[..., begin * each :])[:, start - begin :]
                return
            window = mels[..., begin * each : (end + right) * each]
            yield self._encode_window(window)[:, start - begin : end - begin]
            start = end

    def _encode_window(self, mels: Any) -> Any:
        import torch

        encoded, _ = self._run(mels, torch.tensor([mels.shape[-1]], device=self.device))
        return encoded

    def _frames(self, seconds: float) -> int:
        return max(1, round(seconds / self.frame_seconds))

    def _boundary(self, mels: Any, start: int) -> int | None:
        """The end of the window that starts at `start`: the quietest frame of its last third.

        None if the rest fits one window.
        """
        each = self._subsampling
        latest = start + self._frames(self._middle)
        if (latest + self._frames(_RIGHT)) * each >= mels.shape[-1]:
            return None
        earliest = start + max(1, self._frames(self._middle) * 2 // 3)
        loudness = mels[0, :, earliest * each : latest * each].float().mean(dim=0)
        by_frame = loudness.reshape(-1, each).mean(dim=1)
        return earliest + int(by_frame.argmin())


def _channels(config: Any) -> int:
    channels = int(config.get("subsampling_conv_channels", -1) or -1)
    return channels if channels > 0 else int(config.get("d_model", 512))
