"""Tests what is done with a model and its device at the load, with doubles for torch and NeMo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from parakeet_cli.engines.nemo.worker import decoding, encoding, loading
from parakeet_cli.engines.nemo.worker.cuda import NoCuda, OneGpu
from parakeet_cli.engines.nemo.worker.faults import LostInCaptureError
from parakeet_cli.engines.nemo.worker.loading import (
    LoadRequest,
    UnusableError,
    load_model,
    restore,
)
from tests.unit.engines.nemo.worker.test_cuda import Torch

Capability = tuple[int, int] | None


class Part:
    """A part of a model, which records where it is put."""

    def __init__(self, calls: list[str], name: str) -> None:
        self._calls, self._name = calls, name

    def to(self, device: str, dtype: str | None = None) -> None:
        self._calls.append(f"{self._name} to {device}{f' in {dtype}' if dtype else ''}")


class Device(NoCuda):
    """A device of some compute capability, which records what is asked of it."""

    device = "cuda:0"

    def __init__(self, calls: list[str], capability: Capability) -> None:
        self._calls, self._capability = calls, capability

    def capability(self) -> Capability:
        return self._capability

    def allow_tf32(self) -> None:
        self._calls.append("allow TF32")


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    made: list[str] = []
    parts = {name: Part(made, name) for name in ("preprocessor", "encoder", "decoder", "joint")}
    model = SimpleNamespace(eval=lambda: made.append("eval"), **parts)
    torch = SimpleNamespace(**{name: name for name in ("float32", "float16", "bfloat16")})
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr(loading, "_restore_from", lambda *_: model)
    monkeypatch.setattr(loading, "_silence_nemo", lambda: None)
    return made


def restored(calls: list[str], capability: Capability, precision: str | None = None) -> list[str]:
    request = LoadRequest(str(Path("model.nemo")), trusted=True, precision=precision)
    restore(request, Device(calls, capability))
    return calls


@pytest.mark.parametrize(
    ("capability", "asked"),
    [(None, None), ((6, 1), None), ((7, 5), "float32"), ((8, 0), "float32"), ((9, 0), "float32")],
)
def test_tf32_is_allowed_where_the_encoder_stays_in_float32_and_before_it_is_moved(
    calls: list[str], capability: Capability, asked: str | None
) -> None:
    assert restored(calls, capability, asked) == [
        "eval",
        "preprocessor to cuda:0",
        "allow TF32",
        "encoder to cuda:0 in float32",
        "decoder to cuda:0 in float32",
        "joint to cuda:0 in float32",
    ]


@pytest.mark.parametrize(
    ("capability", "asked", "precision"),
    [
        ((7, 0), None, "float16"),
        ((7, 5), None, "float16"),
        ((8, 6), None, "bfloat16"),
        ((12, 0), None, "bfloat16"),
        ((9, 0), "float16", "float16"),
    ],
)
def test_with_fewer_digits_tf32_is_left_alone_and_features_stay_in_float32(
    calls: list[str], capability: Capability, asked: str | None, precision: str
) -> None:
    assert restored(calls, capability, asked) == [
        "eval",
        "preprocessor to cuda:0",
        f"encoder to cuda:0 in {precision}",
        f"decoder to cuda:0 in {precision}",
        f"joint to cuda:0 in {precision}",
    ]


def test_a_gpu_allows_tf32_in_products_and_in_convolutions(monkeypatch: pytest.MonkeyPatch) -> None:
    made: Any = Torch()
    made.backends = SimpleNamespace(
        cuda=SimpleNamespace(matmul=SimpleNamespace(allow_tf32=False)),
        cudnn=SimpleNamespace(allow_tf32=False),
    )
    monkeypatch.setitem(sys.modules, "torch", made)
    gpu = OneGpu(0)
    assert not made.backends.cuda.matmul.allow_tf32
    gpu.allow_tf32()
    assert made.backends.cuda.matmul.allow_tf32
    assert made.backends.cudnn.allow_tf32


class Decoder:
    """A decoder that records what it is prepared for."""

    graphs, graph_mode = "cuda-python is missing", "no_while_loops"

    def __init__(self, calls: list[str], failure: Exception | None) -> None:
        self._calls, self._failure = calls, failure

    def prime(self, batch: int, frames: int) -> None:
        self._calls.append(f"prime {batch} x {frames}")
        if self._failure is not None:
            raise self._failure


class Gpu(Device):
    """The device of a whole load."""

    def name(self) -> str:
        return "NVIDIA T4"

    def try_out(self) -> None:
        self._calls.append("try out")

    def synchronize(self) -> None:
        self._calls.append("synchronize")


class Loading:
    """A load with doubles for NeMo, its model, the decoder and the device."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, failure: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.notes: list[str] = []
        parameter = SimpleNamespace(dtype="torch.float16")
        model = SimpleNamespace(encoder=SimpleNamespace(parameters=lambda: iter([parameter])))
        encoder = SimpleNamespace(frame_seconds=0.08, ways=lambda: ("whole",))
        gpu = Gpu(self.calls, (7, 5))
        versions = {"torch": "2.8.0", "nemo": "2.4.0"}
        for name, version in versions.items():
            monkeypatch.setitem(sys.modules, name, SimpleNamespace(__version__=version))
        monkeypatch.setattr(loading, "choose_device", lambda asked: (gpu, None))
        monkeypatch.setattr(loading, "restore", self._restore)
        monkeypatch.setattr(encoding, "Encoder", lambda *_, workers: encoder)
        monkeypatch.setattr(decoding, "make_decoder", self._make_decoder)
        self._failure, self._model = failure, model

    def _restore(self, request: LoadRequest, cuda: Any) -> Any:
        self.calls.append("restore")
        return self._model

    def _make_decoder(
        self, model: Any, cuda: Any, note: Any, graphs: str | None, *words: Sequence[str]
    ) -> Decoder:
        self.calls.append(f"decoder with {graphs or 'the best'} graphs")
        return Decoder(self.calls, self._failure)

    def load(self, **more: Any) -> dict[str, Any]:
        return load_model(LoadRequest("model.nemo", "cuda", **more), self.notes.append).facts


def test_graphs_are_made_at_the_load_for_the_largest_batch_and_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = Loading(monkeypatch)
    facts = done.load(max_chunk_seconds=120.0)
    assert done.calls == [
        "try out", "restore", "decoder with the best graphs", "prime 128 x 1501", "synchronize"
    ]  # fmt: skip
    assert (facts["gpu"], facts["precision"]) == ("NVIDIA T4", "float16")
    assert (facts["graphs"], facts["graphs_reason"]) == ("no_while_loops", Decoder.graphs)
    assert done.notes == ["CUDA graphs are not used: cuda-python is missing."]


def test_after_a_worker_was_lost_over_graphs_fewer_are_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = Loading(monkeypatch)
    done.load(graphs="no_while_loops", max_chunk_seconds=40.0)
    assert done.calls[2:4] == ["decoder with no_while_loops graphs", "prime 128 x 501"]


def test_a_device_lost_over_graphs_is_not_taken_for_one_of_no_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost = LostInCaptureError("CUDA error: no kernel image is available", "off")
    with pytest.raises(LostInCaptureError):
        Loading(monkeypatch, lost).load()
    full = RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    with pytest.raises(UnusableError, match="not enough memory for the model on NVIDIA T4") as told:
        Loading(monkeypatch, full).load()
    assert told.value.memory
