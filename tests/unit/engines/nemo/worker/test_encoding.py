"""Tests what the encoder asks of its device, in which order, and how much memory it takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from parakeet_cli.engines.nemo.worker.cuda import NoCuda
from parakeet_cli.engines.nemo.worker.encoding import Encoder
from parakeet_cli.engines.nemo.worker.memory import SHARE

GIB = 2.0**30
MINUTE = 60.0


class Buffer(np.ndarray[Any, Any]):
    """An array that has a tensor's method."""

    def numpy(self) -> Any:
        return self


class Device(NoCuda):
    """A GPU with that many bytes free, which records what is asked of it."""

    device: Any = SimpleNamespace(type="cuda")

    def __init__(self, free: float = 40 * GIB) -> None:
        self.free = free
        self.calls: list[str] = []
        self.copied: list[Any] = []
        self.buffers: list[Any] = []

    def free_memory(self) -> float:
        return self.free

    def host_buffer(self, rows: int, columns: int) -> Any:
        self.calls.append(f"buffer of {rows} x {columns}")
        self.buffers.append(np.full((rows, columns), np.nan, np.float32).view(Buffer))
        return self.buffers[-1]

    @contextmanager
    def ahead(self) -> Iterator[None]:
        self.calls.append("ahead")
        yield
        self.calls.append("behind")

    def to_device(self, tensor: Any) -> Any:
        self.calls.append("copy")
        self.copied.append(tensor)
        return tensor

    def join(self, tensors: Sequence[Any]) -> None:
        self.calls.append(f"join {list(tensors)}")


def made(device: Device, **more: Any) -> Encoder:
    parameter = SimpleNamespace(device=device.device, dtype="bfloat16", element_size=lambda: 2)
    encoder = SimpleNamespace(
        parameters=lambda: iter([parameter]),
        change_attention_model=None,
        self_attention_model="rel_pos",
        att_context_size=[-1, -1],
    )

    def preprocess(input_signal: Any, length: Any) -> tuple[str, str]:
        device.calls.append("features")
        return "features", "counts"

    configuration = {
        "subsampling_factor": 8, "feat_in": 128, "d_model": 1024, "n_heads": 8,
        "subsampling_conv_channels": 256,
    }  # fmt: skip
    model = SimpleNamespace(
        encoder=encoder,
        preprocessor=preprocess,
        cfg=SimpleNamespace(encoder=configuration, preprocessor={"window_stride": 0.01}),
    )
    return Encoder(model, device.calls.append, device, **more)


def test_a_batch_is_padded_in_a_buffer_and_prepared_while_the_one_before_is_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(tensor=list))
    device = Device()
    sounds = [np.full(length, length, np.float32) for length in (4000, 100, 3500)]
    assert made(device).features(sounds) == ("features", "counts")
    assert device.calls == [
        "buffer of 3 x 4000", "ahead", "copy", "copy", "features", "behind",
        "join ['features', 'counts']",
    ]  # fmt: skip
    (padded,) = device.buffers
    assert device.copied[0] is padded
    assert device.copied[1] == [4000, 3200, 3500]  # a spectrum of less can't be normalised
    for row, sound in zip(padded, sounds, strict=True):
        assert (row[: len(sound)] == sound).all()
        assert not row[len(sound) :].any()


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_on_one_gpu_divide_its_free_memory(workers: int) -> None:
    device = Device()
    encoder = made(device, workers=workers)
    assert encoder.free() == pytest.approx(40 * GIB * SHARE / workers)
    alone = made(device).budget(MINUTE) / MINUTE
    assert encoder.budget(MINUTE) / MINUTE == pytest.approx(alone / workers, abs=1)


def test_the_memory_that_is_free_decides_how_a_recording_is_encoded() -> None:
    ways = [made(Device(free)).way_for(3600.0) for free in (1000 * GIB, 60 * GIB, GIB)]
    assert ways == ["whole", "local", "windows"]


def test_a_limit_after_too_little_memory_is_lifted_by_batches_that_work() -> None:
    device = Device()
    encoder = made(device)
    before = encoder.free()
    assert encoder.reduce_limit(MINUTE, 8)
    limited = encoder.free()
    assert limited < before / 2
    for _ in range(10_000):
        encoder.succeeded()
    assert encoder.free() == before
    assert device.calls[0].startswith("Out of memory: batches of at most")
    assert set(device.calls[1:]) == {"Batches may take twice the memory again."}


def test_a_window_is_halved_until_that_is_not_the_reason() -> None:
    encoder = made(Device(free=2.0**20))
    halved = [encoder.reduce_limit(3600.0, 1) for _ in range(8)]
    assert halved.index(False) >= 3
    assert not any(halved[halved.index(False) :])
