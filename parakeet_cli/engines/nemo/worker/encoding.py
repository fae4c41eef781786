"""Sound to encoder frames, in the memory there is.

Three ways, by the length of the chunk and what is free:

whole    full attention, as the models are published
local    attention over 10 s on each side, memory in proportion to the length
windows  the encoder sees a window with sound on both sides of it and the frames of its
         middle are kept; memory doesn't depend on the length

The features are made, and normalised, over the whole chunk in every case, and the frames
of all windows are decoded as one: a decoder that runs through them has the state that it
would carry from window to window, so that no seam loses or doubles anything of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .memory import LOCAL_CONTEXT, SHARE, WAYS, Shape, Way, free_on_cpu

SAMPLE_RATE = 16_000
_SHORTEST = 3200  # samples: a spectrum that is normalised over time needs some frames
_LEFT, _MIDDLE, _RIGHT = 10.0, 30.0, 5.0  # seconds; NeMo's own advice for files is 10, 10, 5
_CPU_SECONDS = 120.0  # of sound in a batch: beyond, a CPU has enough to do and gains nothing
_LEAST_MIDDLE = 2.0  # seconds: below that, what is out of memory is something else


class Encoder:
    """A model's preprocessor and encoder."""

    def __init__(self, model: Any, say: Callable[[str], None]) -> None:
        self._model = model
        self._say = say
        encoder = model.encoder
        first = next(encoder.parameters())
        self.device, self._dtype = first.device, first.dtype
        config = model.cfg.encoder
        self._subsampling = int(config.get("subsampling_factor", 0) or 0)
        stride = float(model.cfg.preprocessor.get("window_stride", 0.01))
        self._has_attention = hasattr(encoder, "change_attention_model")
        self._shape = Shape(
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
        self._now = self._attention
        self._middle = _MIDDLE
        self._limit = math.inf  # bytes that once were too many

    def ways(self) -> tuple[Way, ...]:
        """The ways that this encoder knows, the best first."""
        local = self._attention == ("rel_pos", [-1, -1])
        return tuple(
            way
            for way in WAYS
            if way == "whole" or (way == "local" and local) or (way == "windows" and self._aligned)
        )

    @property
    def _aligned(self) -> bool:
        """Whether a window's frames can be told from the mel frames that it holds."""
        return self._subsampling > 1

    def free(self) -> float:
        """Bytes that a batch may take."""
        if self.device.type == "cuda":
            import torch

            free, _ = torch.cuda.mem_get_info(self.device)
            held = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(
                self.device
            )
            return min(self._limit, float(free + held) * SHARE)
        return min(self._limit, free_on_cpu() * SHARE)

    def way_for(self, seconds: float, count: int = 1) -> Way:
        """The best way that fits the free memory."""
        known = self.ways()
        free = self.free()
        for way in known:
            if self._shape.peak(way, seconds, count) <= free:
                return way
        return known[-1]

    def budget(self, seconds: float, way: Way | None = None) -> float:
        """Seconds of chunks of that length that one batch may hold."""
        way = way or self.way_for(seconds)
        if way == "windows":
            return seconds
        most = self.free() / self._shape.peak(way, seconds)
        if self.device.type == "cpu":
            most = min(most, _CPU_SECONDS / seconds)
        return seconds * max(1, int(most))

    def too_much(self, seconds: float, count: int) -> bool:
        """A batch like this ran out of memory: half of it is the limit from now on.

        False where it was the smallest window already, and there is nothing to halve.
        """
        way = self.way_for(seconds, count)
        self._limit = min(self._limit, self._shape.peak(way, seconds, count)) / 2
        if way == "windows" and count == 1:
            if self._middle <= _LEAST_MIDDLE:
                return False
            self._middle /= 2
        self._say(f"Out of memory: batches of at most {self._limit / 2**20:.0f} MiB from now on.")
        return True

    def features(self, sounds: Sequence[NDArray[np.float32]]) -> tuple[Any, Any]:
        """Mel features, shape (batch, mels, frames), and how many frames of each count."""
        import torch

        longest = max(_SHORTEST, max(map(len, sounds)))
        padded = torch.zeros(len(sounds), longest)
        for row, sound in enumerate(sounds):
            padded[row, : len(sound)] = torch.from_numpy(sound)
        lengths = torch.tensor([max(_SHORTEST, len(sound)) for sound in sounds])
        return self._model.preprocessor(  # type: ignore[no-any-return]
            input_signal=padded.to(self.device), length=lengths.to(self.device)
        )

    def encode(
        self,
        sounds: Sequence[NDArray[np.float32]],
        way: Way | None = None,
        seams: Sequence[int] = (),
    ) -> tuple[Any, Any, Way]:
        """Encoder frames, shape (batch, frames, width), their counts, and the way taken.

        Without a `way` that the encoder knows, the memory decides. `seams` are frames at
        which windows must meet, for tests; else they meet where it is quiet.
        """
        seconds = max(map(len, sounds)) / SAMPLE_RATE
        if way not in self.ways():
            way = self.way_for(seconds, len(sounds))
        features, counts = self.features(sounds)
        if way == "windows":
            encoded, lengths = self._windows(features, counts, seams)
            return encoded, lengths, way
        self._attend("local" if way == "local" else "whole")
        return (*self._run(features, counts), way)

    def _run(self, features: Any, counts: Any) -> tuple[Any, Any]:
        encoded, lengths = self._model.encoder(audio_signal=features.to(self._dtype), length=counts)
        return encoded.transpose(1, 2), lengths

    def _attend(self, way: str) -> None:
        """Full or local attention; the weights stay, the modules are new."""
        if not self._has_attention:
            return
        wanted = (
            ("rel_pos_local_attn", [LOCAL_CONTEXT, LOCAL_CONTEXT])
            if way == "local"
            else self._attention
        )
        if wanted == self._now:
            return
        encoder = self._model.encoder
        encoder.change_attention_model(*wanted, update_config=False, device=self.device)
        encoder.to(device=self.device, dtype=self._dtype)
        encoder.eval()
        self._now = wanted

    def _windows(self, features: Any, counts: Any, seams: Sequence[int]) -> tuple[Any, Any]:
        import torch

        self._attend("whole")
        rows = []
        for row, count in zip(features, counts.tolist(), strict=True):
            mels = row[None, :, :count]
            rows.append(torch.cat(list(self._parts(mels, seams)), dim=1)[0])
        lengths = torch.tensor([len(row) for row in rows], device=self.device)
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths

    def _parts(self, mels: Any, seams: Sequence[int]) -> Iterator[Any]:
        """The frames of each window's middle, in order."""
        each = self._subsampling
        total = mels.shape[-1]
        left, right = self._frames(_LEFT), self._frames(_RIGHT)
        waiting = list(seams)
        start = 0
        while True:
            seam = waiting.pop(0) if waiting else self._seam(mels, start)
            begin = max(0, start - left)
            if seam is None or seam * each >= total:
                yield self._frames_of(mels[..., begin * each :])[:, start - begin :]
                return
            part = mels[..., begin * each : (seam + right) * each]
            yield self._frames_of(part)[:, start - begin : seam - begin]
            start = seam

    def _frames_of(self, mels: Any) -> Any:
        import torch

        encoded, _ = self._run(mels, torch.tensor([mels.shape[-1]], device=self.device))
        return encoded

    def _frames(self, seconds: float) -> int:
        return max(1, round(seconds / self.frame_seconds))

    def _seam(self, mels: Any, start: int) -> int | None:
        """Where the window from `start` on ends: the quietest place of its last third."""
        each = self._subsampling
        latest = start + self._frames(self._middle)
        if (latest + self._frames(_RIGHT)) * each >= mels.shape[-1]:
            return None
        earliest = start + max(1, self._frames(self._middle) * 2 // 3)
        loud = mels[0, :, earliest * each : latest * each].float().mean(dim=0)
        by_frame = loud.reshape(-1, each).mean(dim=1)
        return earliest + int(by_frame.argmin())


def _channels(config: Any) -> int:
    channels = int(config.get("subsampling_conv_channels", -1) or -1)
    return channels if channels > 0 else int(config.get("d_model", 512))
