"""Sortformer's frames on a GPU are those on the CPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.engines.nemo.sortformer import Sortformer
from tests.integration.gpu.conftest import GpuStack
from tests.integration.transcribe.sortformers import chunks, frames, make, options, speech


@pytest.mark.gpu
def test_a_gpu_gives_the_frames_of_the_cpu(gpu_stack: GpuStack, tmp_path: Path) -> None:
    sound = speech(70.0)
    expected = make(gpu_stack.python, tmp_path, sound)  # by NeMo, on the GPU
    for device in ("cuda", "cpu"):
        diarizer = Sortformer(str(tmp_path / "sortformer.nemo"), options(gpu_stack.python, device))
        try:
            found = frames(diarizer, chunks(sound, 5_000, 500_000))
        finally:
            diarizer.close()
        assert found.shape == expected.shape
        # TF32 rounds products to 10 bits. The cache takes frames by their probabilities, so a
        # difference there may grow: most of the frames, and not each, are the same.
        assert np.median(np.abs(found - expected)) < 0.02, device
        assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() > 0.95, device
