"""Tests what is asked of CUDA, and in which order, with a torch that only records the calls."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from parakeet_cli.engines.nemo.worker.cuda import NoCuda, OneGpu
from parakeet_cli.engines.nemo.worker.loading import UnusableError, choose_device, precision_for


class Tensor:
    """A tensor that says what is done with it."""

    def __init__(self, torch: Torch, name: str) -> None:
        self._torch, self.name = torch, name
        self.shape, self.dtype = (2, 3), "float32"

    def to(self, device: str, *, non_blocking: bool) -> Tensor:
        assert non_blocking
        self._torch.record(f"copy {self.name} to {device}")
        return self

    def copy_(self, other: Tensor, *, non_blocking: bool) -> Tensor:
        assert non_blocking
        self._torch.record(f"copy {other.name} to {self.name}")
        return self

    def record_stream(self, stream: Stream) -> None:
        self._torch.record(f"{self.name} is used on {stream}")

    def add_(self, _: int) -> Tensor:
        self._torch.record("compute")
        return self

    def item(self) -> float:
        return 2.0


class Stream:
    """The stream on which everything is computed."""

    def __init__(self, torch: Torch) -> None:
        self._torch = torch

    def wait_stream(self, other: str) -> None:
        self._torch.record(f"wait for {other}")

    def __str__(self) -> str:
        return "main"


class Torch(SimpleNamespace):
    """The calls of torch that `OneGpu` makes, written down with the stream they are made on."""

    def __init__(self, count: int = 4, *, cuda: str | None = "12.8") -> None:
        self.calls: list[str] = []
        self.streams = ["main"]
        self.broken = self.capturing = False
        super().__init__(
            __version__="2.8.0",
            version=SimpleNamespace(cuda=cuda),
            device=lambda kind, index=None: kind if index is None else f"{kind}:{index}",
            empty=lambda *shape, **options: Tensor(self, f"host {options.get('pin_memory')}"),
            ones=lambda *_, device: Tensor(self, f"one on {device}"),
            cuda=SimpleNamespace(
                is_available=lambda: count > 0,
                device_count=lambda: count,
                set_device=lambda device: self.record(f"set {device}"),
                Stream=self._stream,
                stream=self._on,
                current_stream=lambda _: Stream(self),
                synchronize=lambda device: self.record(f"synchronize {device}"),
                empty_cache=self._empty_cache,
                Event=lambda *, blocking: SimpleNamespace(
                    record=lambda _: self.record("event"),
                    synchronize=lambda: self.record("wait for event"),
                ),
            ),
        )

    def record(self, call: str) -> None:
        if self.broken:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        self.calls.append(f"{self.streams[-1]}: {call}")

    def _empty_cache(self) -> None:
        self.record("empty cache")
        if self.capturing:
            raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED")

    def _stream(self, device: str) -> str:
        self.record(f"stream on {device}")
        return "side"

    @contextmanager
    def _on(self, stream: str) -> Iterator[None]:
        self.streams.append(stream)
        yield
        self.streams.pop()


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Torch:
    made = Torch()
    monkeypatch.setitem(sys.modules, "torch", made)
    return made


def test_the_device_is_set_before_anything_else_touches_cuda(torch: Torch) -> None:
    device, why = choose_device("cuda:2")
    assert (device.device, why) == ("cuda:2", None)
    assert torch.calls == ["main: set cuda:2", "main: stream on cuda:2"]


@pytest.mark.parametrize("asked", ["auto", "cuda"])
def test_without_a_number_it_is_the_first_gpu(torch: Torch, asked: str) -> None:
    assert choose_device(asked)[0].device == "cuda:0"
    assert torch.calls[0] == "main: set cuda:0"


def test_the_next_batch_is_copied_and_prepared_on_a_stream_of_its_own(torch: Torch) -> None:
    gpu = OneGpu(0)
    torch.calls.clear()
    buffer = gpu.host_buffer(2, 3)
    with gpu.ahead():
        moved: Any = gpu.to_device(buffer)
    gpu.join([moved])
    assert torch.calls == [
        "side: copy host True to cuda:0",
        "main: wait for side",
        "main: host True is used on main",
    ]


def test_results_are_copied_at_once_and_waited_for_only_when_they_are_asked_for(
    torch: Torch,
) -> None:
    gpu = OneGpu(1)
    torch.calls.clear()
    pending = gpu.to_host([Tensor(torch, "tokens"), Tensor(torch, "frames")])
    copied = ["main: copy tokens to host True", "main: copy frames to host True", "main: event"]
    assert torch.calls == copied
    pending.result()
    assert torch.calls == [*copied, "main: set cuda:1", "main: wait for event"]


def test_a_gpu_that_does_nothing_any_more_is_noticed(torch: Torch) -> None:
    gpu = OneGpu(0)
    assert gpu.works()
    torch.broken = True
    assert not gpu.works()


def test_a_torch_that_takes_a_failed_capture_for_one_that_goes_on_is_noticed(torch: Torch) -> None:
    gpu = OneGpu(0)
    torch.capturing = True
    assert not gpu.works()


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (Torch(0, cuda=None), "torch 2.8.0 is built without CUDA"),
        (Torch(0), "torch 2.8.0 sees 0 CUDA devices"),
    ],
)
def test_where_torch_has_no_gpu_the_cpu_is_used_with_a_reason_or_refused(
    monkeypatch: pytest.MonkeyPatch, made: Torch, why: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", made)
    device, reason = choose_device("auto")
    assert isinstance(device, NoCuda)
    assert reason == why
    assert choose_device("cpu")[1] is None
    with pytest.raises(UnusableError, match=why) as refused:
        choose_device("cuda")
    assert "parakeet doctor" in (refused.value.hint or "")
    assert made.calls == []


def test_what_torch_says_of_an_old_driver_is_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Torch(0)

    def is_available() -> bool:
        warnings.warn(
            "CUDA initialization: The NVIDIA driver on your system is too old (found version "
            "11040). Please update your GPU driver. (Triggered internally at CUDAFunctions.cpp)",
            stacklevel=1,
        )
        return False

    made.cuda.is_available = is_available
    monkeypatch.setitem(sys.modules, "torch", made)
    _, why = choose_device("auto")
    assert why is not None
    assert "driver on your system is too old" in why
    assert "Triggered" not in why


def test_a_number_that_torch_does_not_see_is_refused(torch: Torch) -> None:
    with pytest.raises(UnusableError, match=r"cuda:7.*sees 4 CUDA devices"):
        choose_device("cuda:7")
    assert torch.calls == []


@pytest.mark.parametrize(
    ("capability", "precision"),
    [
        (None, "float32"),
        ((6, 1), "float32"),
        ((7, 0), "float16"),
        ((7, 5), "float16"),
        ((8, 0), "bfloat16"),
        ((8, 9), "bfloat16"),
        ((12, 0), "bfloat16"),
    ],
)
def test_the_precision_is_the_card_s_own(
    capability: tuple[int, int] | None, precision: str
) -> None:
    assert precision_for(capability) == precision
