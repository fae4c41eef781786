"""Measures how fast the engine's worker transcribes on a GPU, and how much memory it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from parakeet_cli.doctor.facts import ProbeResult
from parakeet_cli.doctor.probes.runner import run_script
from parakeet_cli.system.safety.scratch_folders import scratch_folder

# NeMo alone takes 11 s to import on two cores, and the model has 2.5 GB.
LOAD_SECONDS = 900.0
LAYERS = 24  # of the published model
RANDOM = "random weights of the published size (0.6B, TDT)"
BATCHES = (1, 8, 32, 128, 256)
CLIPS = 1024  # three hours: four batches of the largest size
SECONDS_OF_A_BATCH_SIZE = 60.0
SLOWEST = 10.0  # seconds of audio a second; a step that is slower is taken to hang

LOAD, HOURS = "load", "hours"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is measured. Paths; without a model, one with random weights is made."""

    worker: str  # the `__main__.py` of the engine's worker
    clip: str  # WAV, 16 kHz, mono, 16 bit
    model: str | None = None  # the private folder with a .nemo that was scanned
    name: str = RANDOM
    reason: str = ""  # why it is no real model


@dataclass(frozen=True, slots=True)
class MeasurePlan:
    """How much is measured. The defaults are those of a GPU."""

    device: str = "cuda"
    batches: tuple[int, ...] = BATCHES
    count: int = CLIPS
    seconds: float = SECONDS_OF_A_BATCH_SIZE
    hours: float = 1.0
    layers: int = LAYERS
    files: tuple[str, ...] = ()  # WAVs to measure with, in the place of parts of the clip

    def arguments(self, subject: Subject, model: str) -> tuple[str, str]:
        """The arguments of the probe script."""
        plan = {
            "model": model,
            "device": self.device,
            "clip": subject.clip,
            "files": self.files,
            "batches": self.batches,
            "count": self.count,
            "seconds": self.seconds,
            "hours": self.hours,
        }
        return subject.worker, json.dumps(plan)

    @property
    def step_seconds(self) -> float:
        """The time limit of one step of the script."""
        return max(LOAD_SECONDS, self.hours * 3600 / SLOWEST)


def measure(
    python: str, subject: Subject, plan: MeasurePlan, note: Callable[[str], None]
) -> tuple[ProbeResult, ...]:
    """A result for each step that was tried; `note` is told what comes next."""
    return tuple(_steps(python, subject, plan, note))


def _steps(
    python: str, subject: Subject, plan: MeasurePlan, note: Callable[[str], None]
) -> Iterator[ProbeResult]:
    with scratch_folder() as folder:
        model = subject.model
        if model is None:
            model = str(folder / "random.nemo")
            note(f"Making a model with {RANDOM}.")
            sizes = (model, subject.clip, str(plan.layers))
            *_, made = run_script("random_model", python, sizes, LOAD_SECONDS)
            yield made
            if not made.ok:
                return
        note("Loading the model.")
        arguments = plan.arguments(subject, model)
        for result in run_script("measure_throughput", python, arguments, plan.step_seconds):
            yield result
            note(_progress(result))


def _progress(result: ProbeResult) -> str:
    if not result.ok:
        return f"{result.name}: {result.cause}"
    if "rtfx" not in result.values:
        return f"{result.name}: {result.seconds:.0f} s"
    return f"{result.name}: {result.values['rtfx']:.0f} seconds of audio per second"
