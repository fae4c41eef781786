"""Everything of the worker that touches CUDA: one device, its memory, streams and copies.

The rest of the worker is the same on a GPU and on a CPU. It calls what is here: `OneGpu`, or
`NoCuda`, which does everything at once, as a CPU does. Tests put a double that records the
calls in their place, so that the order of the calls can be tested without a GPU.

CUDA only queues the work that it is given. Two queues (streams) are used: the current stream of
the thread computes, and the stream `ahead` copies the next batch to the GPU and computes its
features while the encoder and the decoder are busy with the batch before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from .memory import free_on_cpu


class PendingCopy(Protocol):
    """Tensors on their way to the CPU."""

    def result(self) -> list[Any]:
        """The tensors on the CPU, once they are there. For any thread."""
        ...


class Cuda(Protocol):
    """The one device that a model is on."""

    @property
    def device(self) -> Any:
        """The `torch.device`."""
        ...

    @property
    def max_batches(self) -> int:
        """Batches that it is worth giving to it at once."""
        ...

    def name(self) -> str | None:
        """The GPU's name; None for a CPU."""
        ...

    def capability(self) -> tuple[int, int] | None:
        """The GPU's compute capability; None for a CPU."""
        ...

    def allow_tf32(self) -> None:
        """Let the encoder's products of float32 be rounded to 10 bits first, where that is faster.

        From Ampere on, with seven times the throughput on an A100 (NVIDIA's figure).
        """
        ...

    def try_out(self) -> None:
        """Compute something. Raises an error where torch has no code for the GPU."""
        ...

    def select(self) -> None:
        """Make it the calling thread's device: every thread that uses CUDA begins with that.

        A thread that has not would open a context on the first GPU, which takes 500 MB there.
        """
        ...

    def inference(self) -> AbstractContextManager[Any]:
        """No gradients in the block."""
        ...

    def free_memory(self) -> float:
        """Bytes that this process may still take."""
        ...

    def empty_cache(self) -> None:
        """Give the memory that torch has in reserve back to the device."""
        ...

    def host_buffer(self, rows: int, columns: int) -> Any:
        """An uninitialised float32 tensor on the CPU, from which copies need not wait.

        Memory is reused as soon as nothing refers to the tensor and its copy is done.
        """
        ...

    def ahead(self) -> AbstractContextManager[Any]:
        """Work in the block doesn't wait for the encoder and the decoder, nor they for it."""
        ...

    def join(self, tensors: Sequence[Any]) -> None:
        """Work after this call waits for those tensors, which were made in `ahead`."""
        ...

    def to_device(self, tensor: Any) -> Any:
        """A copy on the device, without waiting for it."""
        ...

    def to_host(self, tensors: Sequence[Any]) -> PendingCopy:
        """Begin to copy tensors to the CPU; what is done with them later changes nothing."""
        ...

    def synchronize(self) -> None:
        """Wait until the device has done all that it was given. Raises its errors."""
        ...

    def works(self) -> bool:
        """Whether the device still does what it is told to, after an error.

        And whether torch still gives memory back: until 2.12 it takes a capture of a CUDA graph
        that was broken off for one that goes on (pytorch/pytorch#180395), later ones still where
        the error comes before the capture's end. Then no memory is freed in this process.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Here:
    """Tensors that are on the CPU already."""

    tensors: list[Any]

    def result(self) -> list[Any]:
        return self.tensors


class NoCuda:
    """The CPU: every call does its work before it returns."""

    max_batches = 1  # with two, the second would be made of fewer chunks, and nothing overlaps

    @property
    def device(self) -> Any:
        import torch

        return torch.device("cpu")

    def name(self) -> str | None:
        return None

    def capability(self) -> tuple[int, int] | None:
        return None

    def allow_tf32(self) -> None:
        pass

    def try_out(self) -> None:
        pass

    def select(self) -> None:
        pass

    def inference(self) -> AbstractContextManager[Any]:
        import torch

        mode: AbstractContextManager[Any] = torch.inference_mode()
        return mode

    def free_memory(self) -> float:
        return float(free_on_cpu())

    def empty_cache(self) -> None:
        pass

    def host_buffer(self, rows: int, columns: int) -> Any:
        import torch

        return torch.empty(rows, columns)

    def ahead(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def join(self, tensors: Sequence[Any]) -> None:
        pass

    def to_device(self, tensor: Any) -> Any:
        return tensor

    def to_host(self, tensors: Sequence[Any]) -> PendingCopy:
        return _Here(list(tensors))

    def synchronize(self) -> None:
        pass

    def works(self) -> bool:
        return True


@dataclass(frozen=True, slots=True)
class _Copying:
    """Tensors on the CPU that are whole once the event has happened."""

    tensors: list[Any]
    event: Any
    select: Callable[[], None]

    def result(self) -> list[Any]:
        self.select()
        self.event.synchronize()
        return self.tensors


class OneGpu:
    """A GPU that torch can use. Making it is the first thing that touches CUDA."""

    max_batches = 2  # one that it works on, and the next: a third would only take memory

    def __init__(self, index: int) -> None:
        import torch

        self._torch = torch
        self.device = torch.device("cuda", index)
        self.select()
        self._ahead = torch.cuda.Stream(self.device)

    def name(self) -> str | None:
        return str(self._torch.cuda.get_device_name(self.device))

    def capability(self) -> tuple[int, int] | None:
        major, minor = self._torch.cuda.get_device_capability(self.device)
        return int(major), int(minor)

    def allow_tf32(self) -> None:
        self._torch.backends.cuda.matmul.allow_tf32 = True
        self._torch.backends.cudnn.allow_tf32 = True

    def try_out(self) -> None:
        # A copy needs no code of torch's, an addition does.
        self._torch.ones(1, device=self.device).add_(1).item()

    def select(self) -> None:
        self._torch.cuda.set_device(self.device)

    def inference(self) -> AbstractContextManager[Any]:
        mode: AbstractContextManager[Any] = self._torch.inference_mode()
        return mode

    def free_memory(self) -> float:
        cuda = self._torch.cuda
        free, _ = cuda.mem_get_info(self.device)
        in_reserve = cuda.memory_reserved(self.device) - cuda.memory_allocated(self.device)
        return float(free + in_reserve)

    def empty_cache(self) -> None:
        self._torch.cuda.empty_cache()

    def host_buffer(self, rows: int, columns: int) -> Any:
        # torch keeps page-locked memory and hands it out again once the copies from it are done.
        return self._torch.empty(rows, columns, pin_memory=True)

    @contextmanager
    def ahead(self) -> Iterator[None]:
        with self._torch.cuda.stream(self._ahead):
            yield

    def join(self, tensors: Sequence[Any]) -> None:
        stream = self._torch.cuda.current_stream(self.device)
        stream.wait_stream(self._ahead)
        for tensor in tensors:  # its memory isn't given to another batch before this one's end
            tensor.record_stream(stream)

    def to_device(self, tensor: Any) -> Any:
        return tensor.to(self.device, non_blocking=True)

    def to_host(self, tensors: Sequence[Any]) -> PendingCopy:
        copies = []
        for tensor in tensors:
            copy = self._torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            copies.append(copy.copy_(tensor, non_blocking=True))
        # `blocking`: the thread that waits sleeps instead of keeping a core busy.
        event = self._torch.cuda.Event(blocking=True)
        event.record(self._torch.cuda.current_stream(self.device))
        return _Copying(copies, event, self.select)

    def synchronize(self) -> None:
        self._torch.cuda.synchronize(self.device)

    def works(self) -> bool:
        try:
            self.synchronize()
            self.try_out()
            self.empty_cache()
        except RuntimeError:
            return False
        return True


def cuda_of(device: Any) -> Cuda:
    """The seam for a `torch.device` that a model is on already."""
    return OneGpu(device.index or 0) if device.type == "cuda" else NoCuda()
