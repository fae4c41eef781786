"""What the tests of a GPU compare: the same models on it and on the CPU."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.nemo import worker
from parakeet_cli.engines.nemo.engine import Nemo
from tests.integration.transcribe.nemo_clips import MODELS, TDT
from tests.integration.transcribe.nemo_engine import LIMIT
from tests.media_files import SAMPLES

WORKER = Path(worker.__file__).with_name("__main__.py")
CLIPS = sorted(SAMPLES.glob("*.wav"))
RANDOM = ("ctc", "hybrid", "rnnt", "tdt-128")  # at least, of nemo_models.py
TRAINED = ("small-parakeet-ctc", "small-parakeet-tdt")

Pieces = list[list[str]]  # of each clip


def make_models(python: str, folder: Path) -> None:
    """Small models of every head: random ones, and the trained ones of the fixtures."""
    script = Path(__file__).parents[1] / "transcribe" / "nemo_models.py"
    command = [python, "-B", str(script), str(folder), str(CLIPS[0])]
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)
    for name in TRAINED:
        shutil.copy(MODELS / f"{name}.nemo", folder)


def decode_on(
    python: str, device: str, precision: str, folder: Path
) -> dict[str, tuple[Pieces, Pieces]]:
    """Each model's pieces on the CPU and on the device, of the same encoder frames."""
    script = Path(__file__).with_name("decode_on.py")
    command = [python, "-B", str(script), str(WORKER), device, precision, str(folder)]
    done = subprocess.run(
        [*command, *map(str, CLIPS)], capture_output=True, text=True, timeout=LIMIT, check=False,
        env={**os.environ, "OMP_WAIT_POLICY": "PASSIVE"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return {name: (on_cpu, on_device) for name, (on_cpu, on_device) in found.items()}


def loaded_engine(python: str, device: str) -> Nemo:
    engine = Nemo(EngineOptions(model=str(TDT), device=device, ml_python=python), concurrency=4)
    engine.load()
    return engine
