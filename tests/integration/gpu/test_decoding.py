"""A GPU decodes as a CPU does. `make gpu` runs these tests where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.gpu.comparing import (
    CLIPS,
    RANDOM,
    TRAINED,
    decode_on,
    loaded_engine,
    make_models,
)
from tests.integration.gpu.conftest import GpuStack
from tests.integration.transcribe.nemo_clips import clips
from tests.integration.transcribe.nemo_engine import texts, words_of
from tests.integration.transcribe.words import errors
from tests.stacks import Stacks

FRAME = 0.08  # seconds
# Random weights decide many tokens by a hair, and bfloat16 has 8 bits of mantissa.
MAX_DIFFERENCE = {"float32": 0.0, "bfloat16": 0.1}


@pytest.fixture(scope="module")
def models(gpu_stack: GpuStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    make_models(gpu_stack.python, folder)
    return folder


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_every_head_decodes_on_a_gpu_as_on_the_cpu(
    gpu_stack: GpuStack, models: Path, precision: str
) -> None:
    if precision == "bfloat16" and gpu_stack.capabilities[0] < (8, 0):
        pytest.skip("this GPU doesn't compute in bfloat16")
    found = decode_on(gpu_stack.python, "cuda", precision, models)
    assert set(found) >= {*RANDOM, *TRAINED}
    for name, (on_cpu, on_gpu) in found.items():
        assert sum(map(len, on_cpu)) > 50, name
        allowed = 0.0 if name in TRAINED else MAX_DIFFERENCE[precision]
        different = sum(errors(*pair) for pair in zip(on_cpu, on_gpu, strict=True))
        assert different <= allowed * sum(map(len, on_cpu)), (name, on_cpu, on_gpu)


@pytest.mark.gpu
def test_speech_has_the_same_words_at_the_same_times(gpu_stack: GpuStack) -> None:
    on_cpu, on_gpu = (loaded_engine(gpu_stack.python, device) for device in ("cpu", "cuda"))
    try:
        assert on_gpu.info.device.startswith("cuda")
        different = count = 0
        for clip in clips():
            expected, found = (words_of(engine, clip.sound()) for engine in (on_cpu, on_gpu))
            count += len(expected)
            different += errors(texts(expected), texts(found))
            if texts(expected) == texts(found):
                for one, other in zip(expected, found, strict=True):
                    assert one.start == pytest.approx(other.start, abs=FRAME + 1e-6)
        # The encoder computes in bfloat16 on most GPUs, and the model is a small one.
        assert different <= 0.02 * count
    finally:
        on_cpu.close()
        on_gpu.close()


@pytest.mark.slow
def test_the_comparison_runs_on_a_cpu_and_tells_models_apart(
    stacks: Stacks, tmp_path: Path
) -> None:
    """Without a GPU this holds at least that the script works, and that texts aren't empty."""
    python = str(stacks("verified").python)
    make_models(python, tmp_path)
    found = decode_on(python, "cpu", "float32", tmp_path)
    assert set(found) >= {*RANDOM, *TRAINED}
    for name, (first, second) in found.items():
        assert first == second, name
        assert len(first) == len(CLIPS)
        assert sum(map(len, first)) > 50, name
    assert found["rnnt"][0] != found["tdt-128"][0]
