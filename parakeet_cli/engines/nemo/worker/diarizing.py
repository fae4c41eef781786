"""Says who speaks in each frame of a recording, by NeMo's streaming Sortformer, part by part.

The model looks at a chunk, at the chunks just before it and at a cache with the most telling
frames of each speaker, and gives each speaker's probability for each frame of 80 ms. So memory
doesn't depend on how long a recording is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .cuda import Cuda
from .faults import is_out_of_memory
from .loading import LoadRequest, UnusableError, blaming, prepared_device, restore

if TYPE_CHECKING:
    import torch

Frames = list[list[float]]  # for each frame, the probability of each speaker
_DIGITS = 4  # of a probability: enough to tell which one is greater
_PER_RECORDING = ("per_feature", "all_features")  # by a mean that is known at the end alone


@dataclass(frozen=True, slots=True)
class LoadedDiarizer:
    """A Sortformer on its device; `facts` say what it is and where it runs."""

    model: Any
    cuda: Cuda
    facts: dict[str, Any]

    def open(self) -> RecordingFrames:
        """Begin a recording."""
        return RecordingFrames(self.model, self.cuda)


def load_diarizer(request: LoadRequest, streaming: Mapping[str, int]) -> LoadedDiarizer:
    """The model on its device, with these sizes of its streaming. Raises UnusableError."""
    from nemo import __version__ as nemo_version
    from nemo.collections.asr.models import SortformerEncLabelModel

    cuda, why_cpu = prepared_device(request)
    where = cuda.name()
    with blaming(where or "the CPU"):
        cuda.try_out()
        # The cache is filled by comparing probabilities: bfloat16 has too few digits for that.
        model = restore(replace(request, precision="float32"), cuda, SortformerEncLabelModel)
        _refuse_unfit(model, Path(request.path).name)
        model.to(cuda.device)
        sizes = model.sortformer_modules
        for name, value in streaming.items():
            setattr(sizes, name, value)
        sizes._check_streaming_parameters()
        cuda.synchronize()
    step = sizes.subsampling_factor * model.preprocessor.featurizer.hop_length
    facts = {
        "device": str(cuda.device),
        "gpu": where,
        "why_cpu": why_cpu,
        "nemo": nemo_version,
        "class": type(model).__name__,
        "speakers": int(sizes.n_spk),
        "frame_seconds": step / model.preprocessor.featurizer.sample_rate,
    }
    return LoadedDiarizer(model, cuda, facts)


def _refuse_unfit(model: Any, name: str) -> None:
    """Raise UnusableError for a model that must see a recording as a whole."""
    if not hasattr(model, "sortformer_modules"):
        raise UnusableError(
            f"{name} is of the class {type(model).__name__}, and no Sortformer.",
            "Name one: --speakers-model sortformer.",
        )
    featurizer = model.preprocessor.featurizer
    whole = featurizer.normalize in _PER_RECORDING
    if not model.streaming_mode or whole or featurizer.exact_pad or featurizer.frame_splicing > 1:
        raise UnusableError(
            f"{name} is a Sortformer that must see a recording as a whole, which takes memory "
            "without a bound.",
            "The streaming ones work: --speakers-model sortformer.",
        )


class RecordingFrames:
    """One recording's frames, each as soon as what follows it has come."""

    def __init__(self, model: Any, cuda: Cuda) -> None:
        self._model, self._cuda = model, cuda
        sizes = model.sortformer_modules
        each = sizes.subsampling_factor  # features in a frame
        self._chunk = sizes.chunk_len * each
        self._left = sizes.chunk_left_context * each
        self._right = sizes.chunk_right_context * each
        self._features = _Features(model.preprocessor)
        self._buffer: torch.Tensor | None = None  # features (1, bins, n)
        self._first = 0  # the number of the buffer's first feature
        self._next = 0  # the first feature of the next chunk
        self._state: Any = sizes.init_streaming_state(
            batch_size=1, async_streaming=model.async_streaming, device=cuda.device
        )

    def accept(self, samples: NDArray[np.float32]) -> Frames:
        """The frames that more audio (16 kHz, mono, shape (n,)) completes."""
        with self._cuda.inference():
            self._add(self._features.accept(samples))
            return self._frames(final=False)

    def finish(self) -> Frames:
        """The frames that are left at the recording's end."""
        with self._cuda.inference():
            self._add(self._features.finish())
            return self._frames(final=True)

    def _add(self, features: torch.Tensor | None) -> None:
        import torch

        if features is None:
            return
        parts = [features] if self._buffer is None else [self._buffer, features]
        self._buffer = torch.cat(parts, dim=2)

    def _frames(self, *, final: bool) -> Frames:
        """As `SortformerModules.streaming_feat_loader` cuts the features into chunks."""
        found: Frames = []
        have = self._first + (0 if self._buffer is None else self._buffer.shape[2])
        while self._next < have and (final or self._next + self._chunk + self._right <= have):
            assert self._buffer is not None
            end = min(self._next + self._chunk, have)
            left, right = min(self._left, self._next), min(self._right, have - end)
            begin = self._next - left - self._first
            part = self._buffer[:, :, begin : end + right - self._first]
            found += self._step(part.transpose(1, 2), left, right)
            self._next = end
            kept = max(self._first, end - self._left)
            self._buffer, self._first = self._buffer[:, :, kept - self._first :], kept
        return found

    def _step(self, features: torch.Tensor, left: int, right: int) -> Frames:
        try:
            return self._forward(features, left, right)
        except Exception as error:
            if not is_out_of_memory(error, self._cuda.free_memory):
                raise
        self._cuda.empty_cache()  # an engine on the same device may have had all of it
        return self._forward(features, left, right)

    def _forward(self, features: torch.Tensor, left: int, right: int) -> Frames:
        import torch

        device = self._cuda.device
        none = torch.zeros((1, 0, self._model.sortformer_modules.n_spk), device=device)
        self._state, frames = self._model.forward_streaming_step(
            processed_signal=features,
            processed_signal_length=torch.tensor([features.shape[1]], device=device),
            streaming_state=self._state,
            total_preds=none,
            left_offset=left,
            right_offset=right,
        )
        rounded: Frames = np.round(frames[0].cpu().numpy().astype(np.float64), _DIGITS).tolist()
        return rounded


class _Features:
    """The features of a recording that comes in parts: those of the whole, to rounding."""

    def __init__(self, preprocessor: Any) -> None:
        featurizer = preprocessor.featurizer
        self._preprocessor = preprocessor
        self._hop = featurizer.hop_length
        self._half = featurizer.n_fft // 2  # samples on each side that a feature depends on
        self._margin = -(-(self._half + 1) // self._hop)  # features; one sample for pre-emphasis
        self._samples = np.zeros(0, np.float32)  # from the first one of feature `_first` on
        self._first = 0
        self._done = 0  # features that were given

    def accept(self, samples: NDArray[np.float32]) -> torch.Tensor | None:
        """The features, shape (1, bins, n), that depend on nothing that is still to come."""
        self._samples = np.concatenate((self._samples, samples))
        count = len(self._samples)
        return self._until(
            self._first + min(count // self._hop, (count - self._half) // self._hop + 1)
        )

    def finish(self) -> torch.Tensor | None:
        """The rest of them."""
        return self._until(self._first + len(self._samples) // self._hop)

    def _until(self, end: int) -> torch.Tensor | None:
        import torch

        if end <= self._done:
            return None
        window = self._preprocessor.featurizer.window
        signal = torch.from_numpy(self._samples)[None].to(window.device)
        length = torch.tensor([len(self._samples)], device=window.device)
        features, _ = self._preprocessor(input_signal=signal, length=length)
        found: torch.Tensor = features[:, :, self._done - self._first : end - self._first]
        self._done = end
        drop = max(0, end - self._margin - self._first)
        self._samples, self._first = self._samples[drop * self._hop :], self._first + drop
        return found


Load = Callable[[LoadRequest, Mapping[str, int]], LoadedDiarizer]


class RecordingServer:
    """Answers the requests about recordings, each of which has a number."""

    def __init__(self, load: Load = load_diarizer) -> None:
        self._load = load
        self._loaded: LoadedDiarizer | None = None
        self._open: dict[int, RecordingFrames] = {}

    @property
    def cuda(self) -> Cuda | None:
        """The device of the model, once there is one."""
        return self._loaded.cuda if self._loaded else None

    def load(self, head: Mapping[str, Any]) -> dict[str, Any]:
        """Load a model; what it is."""
        self._loaded = self._load(LoadRequest(**head["model"]), head["streaming"])
        return self._loaded.facts

    def accept(self, head: Mapping[str, Any], samples: NDArray[np.float32]) -> Frames:
        """The frames that these samples complete; the first of a recording begin it."""
        assert self._loaded is not None, "load comes first"
        number = head["recording"]
        if number not in self._open:
            self._open[number] = self._loaded.open()
        found = self._open[number].accept(samples)
        return found + self._open.pop(number).finish() if head["last"] else found
