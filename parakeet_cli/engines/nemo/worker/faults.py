"""Tells the errors of a device apart: too little memory, a broken context, a device of no use.

CUDA's libraries have no classes of errors in common. Their texts are theirs, and don't change.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

_OUT_OF_MEMORY = (
    "out of memory",  # torch, and the CUDA driver and runtime
    "can't allocate memory",  # torch on a CPU
    "not enough memory",
    "cublas_status_alloc_failed",
    "cudnn_status_alloc_failed",
    "cudnn_status_internal_error_device_allocation_failed",
    "cufft_alloc_failed",
    "cusolver_status_alloc_failed",
    "cusparse_status_alloc_failed",
    "cusparse_status_insufficient_resources",
)
# What these libraries also say when they get no memory for their plans and workspaces.
_PERHAPS_OUT_OF_MEMORY = (
    "cublas_status_not_initialized",
    "cublas_status_internal_error",
    "cudnn_status_not_supported",
    "cudnn_status_not_initialized",
    "cudnn_status_internal_error",
    "unable to find an engine to execute this computation",
    "cufft_internal_error",
)
_SCARCE = 1 << 29  # bytes free: less explains an error that may come from it

# After one of these every call of the process fails, until its end. From the list of errors in
# the CUDA runtime's documentation that leave the process "in an inconsistent state".
_STICKY = (
    "illegal memory access",
    "device-side assert",
    "unspecified launch failure",
    "misaligned address",
    "illegal instruction",
    "hardware stack error",
    "invalid program counter",
    "operation not supported on global/shared address space",
    "invalid address space",
    "launch timed out",
    "uncorrectable ecc error",
    "uncorrectable nvlink error",
    "fallen off the bus",
    "gpu is lost",
    "context is destroyed",
    "cuda_error_illegal_address",
    "cuda_error_launch_failed",
    "cuda_error_assert",
)
_NO_KERNELS = ("no kernel image is available", "invalid device function")
_OF_CUDA = ("cuda", "cublas", "cudnn", "cufft", "nvrtc")


class DeviceLostError(Exception):
    """The device does nothing more for this process, which must end."""


class LostInCaptureError(DeviceLostError):
    """It was lost while CUDA graphs were made.

    `less` is NeMo's name of the graphs that another process can try to make, or "off".
    """

    def __init__(self, message: str, less: str) -> None:
        super().__init__(message)
        self.less = less


def doctor_line() -> str:
    """What to type to have this interpreter's stack examined."""
    return f"parakeet doctor --deep --python {sys.executable}"


def is_out_of_memory(error: BaseException, free_memory: Callable[[], float] | None = None) -> bool:
    """Whether torch, Python or one of CUDA's libraries ran out of memory.

    `free_memory` gives the bytes that are free: some texts mean it only if there are few.
    """
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    text = str(error).lower()
    if any(words in text for words in _OUT_OF_MEMORY):
        return True
    if free_memory is None or not any(words in text for words in _PERHAPS_OUT_OF_MEMORY):
        return False
    try:
        return free_memory() < _SCARCE
    except RuntimeError:  # the device does not even answer that
        return False


def is_sticky(error: BaseException) -> bool:
    """Whether every call that follows fails as well."""
    text = str(error).lower()
    return any(words in text for words in _STICKY)


def why_unusable(error: Exception, where: str) -> tuple[str, str] | None:
    """What an error while a model is loaded means, and what to do; None if it isn't the device's.

    `where` names the device.
    """
    text, line = str(error).lower(), first_line(error)
    if is_out_of_memory(error):
        return (
            f"There is not enough memory for the model on {where}: {line}",
            f"Other programs may use it: nvidia-smi lists them. {doctor_line()}",
        )
    if any(words in text for words in _NO_KERNELS):
        return f"This torch has no code for {where}: {line}", doctor_line()
    if isinstance(error, RuntimeError) and any(name in text for name in _OF_CUDA):
        return f"{where} can't be used: {line}", doctor_line()
    return None


def first_line(error: BaseException) -> str:
    """The error's class and the first line of its text."""
    text = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
