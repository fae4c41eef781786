from __future__ import annotations

import pytest

from parakeet_cli.engines.nemo.worker.faults import is_out_of_memory, is_sticky, why_unusable

NO_MEMORY = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 7.79 GiB",
    "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
    "CUDA driver error: out of memory",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "cuFFT error: CUFFT_ALLOC_FAILED",
    "[enforce fail at alloc_cpu.cpp:117] err == 0. DefaultCPUAllocator: can't allocate memory",
)
WITH_LITTLE_MEMORY = (
    "cuDNN error: CUDNN_STATUS_NOT_SUPPORTED. This error may appear if you passed in a "
    "non-contiguous input.",
    "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
    "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`",
    "FIND was unable to find an engine to execute this computation",
)
STICKY = (
    "CUDA error: an illegal memory access was encountered",
    "CUDA error: device-side assert triggered",
    "CUDA error: unspecified launch failure",
    "CUDA error: misaligned address",
    "CUDA error: uncorrectable ECC error encountered",
)


@pytest.mark.parametrize("text", NO_MEMORY)
def test_every_library_s_words_for_too_little_memory_are_known(text: str) -> None:
    assert is_out_of_memory(RuntimeError(text))
    assert not is_sticky(RuntimeError(text))


@pytest.mark.parametrize("text", WITH_LITTLE_MEMORY)
def test_some_words_mean_it_only_if_little_is_free(text: str) -> None:
    assert is_out_of_memory(RuntimeError(text), lambda: 2**20)
    assert not is_out_of_memory(RuntimeError(text), lambda: 2.0**33)
    assert not is_out_of_memory(RuntimeError(text))


def test_python_s_own_error_counts_and_other_errors_do_not() -> None:
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(ValueError("out of memory"))
    assert not is_out_of_memory(RuntimeError("shapes don't match"), lambda: 0)


@pytest.mark.parametrize("text", STICKY)
def test_what_breaks_a_process_s_cuda_is_known(text: str) -> None:
    assert is_sticky(RuntimeError(text))
    assert not is_out_of_memory(RuntimeError(text), lambda: 0)


@pytest.mark.parametrize("text", ["CUDA error: invalid configuration argument", "no such file"])
def test_other_errors_break_nothing(text: str) -> None:
    assert not is_sticky(RuntimeError(text))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("CUDA error: no kernel image is available"), "has no code for NVIDIA P40"),
        (RuntimeError(NO_MEMORY[0]), "not enough memory for the model on NVIDIA P40"),
        (MemoryError(), "not enough memory"),
        (RuntimeError("CUDA error: initialization error"), "NVIDIA P40 can't be used"),
    ],
)
def test_a_device_of_no_use_is_named_with_a_command_to_type(error: Exception, words: str) -> None:
    found = why_unusable(error, "NVIDIA P40")
    assert found is not None
    assert words in found[0]
    assert "parakeet doctor --deep --python" in found[1]


def test_a_model_s_own_error_is_not_the_device_s() -> None:
    assert why_unusable(RuntimeError("size mismatch for joint"), "NVIDIA P40") is None
    assert why_unusable(KeyError("cuda"), "NVIDIA P40") is None
