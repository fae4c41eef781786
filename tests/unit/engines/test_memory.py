from __future__ import annotations

import pytest

from parakeet_cli.engines.memory import is_out_of_memory, memory_hint, smaller_model
from parakeet_cli.models.registry import KNOWN
from parakeet_cli.models.types import NEMO, ONNX, WHISPER


@pytest.mark.parametrize(
    ("name", "kind", "smaller"),
    [
        ("v3", NEMO, "v3-int8"),  # as many languages
        ("1.1b", NEMO, "v2"),
        ("nvidia/parakeet-tdt-0.6b-v2", NEMO, "110m"),
        ("v3-onnx", ONNX, "v3-int8"),
        ("large-v3", WHISPER, "turbo"),
        ("medium.en", WHISPER, "distil-medium.en"),
        ("base", WHISPER, "tiny"),
        ("tiny", WHISPER, None),
        ("110m", NEMO, None),
        ("somebody/own-model", NEMO, None),
        ("my-folder", WHISPER, None),
    ],
)
def test_a_smaller_model_is_the_next_one_of_the_same_languages(
    name: str, kind: str, smaller: str | None
) -> None:
    found = smaller_model(name, kind)
    assert (found and found.name) == smaller
    assert (f"--model {smaller}" in memory_hint(name, kind)) == (smaller is not None)


def test_every_hint_names_a_model_that_is_smaller() -> None:
    for row in KNOWN:
        if found := smaller_model(row.name, row.kind):
            assert (found.size or 0) < (row.size or 0)
            assert f"--engine {found.kind} --model {found.name}" in memory_hint(row.name, row.kind)


@pytest.mark.parametrize(
    ("error", "memory"),
    [
        (MemoryError(), True),
        (RuntimeError("mkl_malloc: failed to allocate memory"), True),
        (RuntimeError("CUDA failed with error out of memory"), True),
        (RuntimeError("std::bad_alloc"), True),
        (Exception("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : bad allocation"), True),
        (RuntimeError("Unsupported model binary version"), False),
        (OSError("No such file"), False),
    ],
    ids=str,
)
def test_too_little_memory_is_told_from_other_failures(error: Exception, memory: bool) -> None:
    assert is_out_of_memory(error) == memory
