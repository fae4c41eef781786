"""Tests what is done with a model and its device at the load, with doubles for torch and NeMo."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from parakeet_cli.engines.nemo.worker import loading
from parakeet_cli.engines.nemo.worker.cuda import NoCuda, OneGpu
from parakeet_cli.engines.nemo.worker.loading import LoadRequest, restore
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
    monkeypatch.setattr(loading, "_restore_from", lambda path: model)
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
