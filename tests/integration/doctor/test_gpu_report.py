"""`parakeet doctor --gpu-report` without a GPU, beside one that torch can't use, and measuring."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from parakeet_cli.doctor.facts import ProbeResult
from parakeet_cli.doctor.probes.throughput import MeasurePlan, Subject, measure
from parakeet_cli.engines.nemo import worker
from tests.integration.doctor.conftest import Patient
from tests.integration.doctor.fake_stack import CU126, CU128_27, gpu_line, nvidia_smi, torch
from tests.integration.transcribe.nemo_clips import TDT
from tests.media_files import SAMPLES
from tests.stacks import Stacks

WORKER = Path(worker.__file__).with_name("__main__.py")
CLIP = SAMPLES / "sense_0880.wav"


def run(patient: Patient, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parakeet_cli", "doctor"]
    command += ["--python", str(patient.environment.python), *options]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=patient.tmp / "home",
        env={**patient.all_variables(), "USER": "alice"},
    )  # fmt: skip


def install_torch(patient: Patient, version: str, cuda: str | None, archs: str = "") -> None:
    patient.environment.install([torch(version, cuda, archs)], patient.tmp / "wheels")


def test_without_a_gpu_the_report_is_written_and_says_what_was_left_out(patient: Patient) -> None:
    done = run(patient, "--gpu-report")
    assert done.returncode == 1, done.stderr
    assert "Nothing was measured on a GPU: no NVIDIA GPU" in done.stderr
    assert "Wrote gpu-report.md." in done.stderr
    text = (patient.tmp / "home" / "gpu-report.md").read_text(encoding="utf-8")
    assert "**Nothing was measured on a GPU**" in text
    assert "| load, batch 1, batch 8, batch 32, batch 128, batch 256, hours |" in text
    assert f"parakeet doctor --gpu-report --python {patient.environment.python}" in text
    assert "- NeMo: 2.4.0" in text
    assert str(patient.tmp / "home") not in text
    assert "alice" not in text
    assert patient.environment.imported() == []


@pytest.mark.parametrize(
    ("card", "driver", "build", "words"),
    [
        ("RTX 5090", "570.86.10", ("2.6.0+cu126", "12.6", CU126), "RTX 5090 is sm_120"),
        ("RTX 4090", "550.54.15", ("2.13.0+cpu", None, ""), "is a CPU build"),
        ("H100", "470.82.01", ("2.7.1+cu128", "12.8", CU128_27), "series 525 or newer"),
    ],
)
def test_a_gpu_that_this_torch_cant_use_is_not_touched(
    patient: Patient, card: str, driver: str, build: tuple[str, str | None, str], words: str
) -> None:
    nvidia_smi(patient.tmp / "bin", gpu_line(card, driver), "12.8")
    install_torch(patient, *build)
    done = run(patient, "--gpu-report", "-")
    assert done.returncode == 1, done.stderr
    assert "**Nothing was measured on a GPU**: " in done.stdout
    assert words in done.stdout
    assert f"| NVIDIA {'GeForce ' if card != 'H100' else ''}{card}" in done.stdout
    assert "What to type:" in done.stdout
    assert patient.environment.imported() == []


def test_a_torch_that_cant_be_used_after_all_is_reported_with_the_cause(patient: Patient) -> None:
    """The made-up torch imports, and has nothing in it."""
    nvidia_smi(patient.tmp / "bin", gpu_line("H100", "570.86.10"), "12.8")
    install_torch(patient, "2.7.1+cu128", "12.8", CU128_27)
    done = run(patient, "--gpu-report", "-")
    assert done.returncode == 1, done.stderr
    assert "random model failed" in done.stdout
    assert "AttributeError" in done.stdout or "ModuleNotFoundError" in done.stdout
    assert "| gpu-probe | fail |" in done.stdout
    assert "Not everything could be measured" in done.stderr


@pytest.mark.parametrize("options", [("--fix",), ("--json",), ("--deep",), ("--ray",), ("report",)])
def test_options_of_other_commands_are_refused(patient: Patient, options: tuple[str, ...]) -> None:
    done = run(patient, "--gpu-report", *options)
    assert done.returncode == 2, done.stderr
    assert "--gpu-report can't be combined with" in done.stderr
    assert not list((patient.tmp / "home").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("stack", ["verified", pytest.param("verified-3", marks=pytest.mark.soak)])
def test_the_engines_worker_is_measured_with_a_model_of_random_weights(
    stacks: Stacks, stack: str
) -> None:
    """On a CPU, with two layers: the same scripts that make the model for a GPU and measure it."""
    subject = Subject(str(WORKER), str(CLIP))
    plan = MeasurePlan("cpu", batches=(1, 3), count=3, seconds=1e6, hours=0.01, layers=2)
    notes: list[str] = []
    made, *steps = measure(str(stacks(stack).python), subject, plan, notes.append)
    assert (made.name, made.cause) == ("random model", "")
    assert made.values["layers"] == 2
    assert made.values["parameters"] > 72_000_000
    assert made.values["pieces_a_second"] > 1  # or the decoder would have nothing to do
    assert_measured(steps, clips=3, seconds=36)
    assert len(notes) == 6


@pytest.mark.soak
@pytest.mark.parametrize("stack", ["verified", "verified-3"])
def test_the_engines_worker_is_measured_with_a_model_that_is_named(
    stacks: Stacks, stack: str
) -> None:
    """`make gpu`'s trial does so in CI."""
    subject = Subject(str(WORKER), str(CLIP), str(TDT), TDT.name)
    plan = MeasurePlan("cpu", batches=(1, 3), count=6, seconds=1e6, hours=0.02)
    notes: list[str] = []
    steps = measure(str(stacks(stack).python), subject, plan, notes.append)
    assert_measured(steps, clips=6, seconds=72)
    assert len(notes) == 5


def assert_measured(steps: Sequence[ProbeResult], clips: int, seconds: float) -> None:
    """All clips in batches of one and of three, and that much audio in one recording."""
    assert [(one.name, one.cause) for one in steps] == [
        ("load", ""), ("batch 1", ""), ("batch 3", ""), ("hours", "")
    ]  # fmt: skip
    loaded, one, three, hours = (step.values for step in steps)
    assert (loaded["device"], loaded["gpu"], loaded["precision"]) == ("cpu", None, "float32")
    assert (loaded["class"], loaded["captures"]) == ("EncDecRNNTBPEModel", 0)
    assert loaded["clips"] == clips
    assert (one["largest"], three["largest"]) == (1, 3)
    for batch in (one, three):
        assert batch["audio_seconds"] == pytest.approx(loaded["clips_seconds"])
        assert batch["tokens"] > 10
    assert hours["audio_seconds"] >= seconds
    assert all(used > 0 for used in hours["ram"])
    assert (hours["captures"], hours["peak_memory"]) == (0, None)


@pytest.mark.soak
def test_a_device_that_torch_doesnt_see_ends_the_measurement(stacks: Stacks) -> None:
    """In CI, a torch that can't be used ends it, above."""
    subject = Subject(str(WORKER), str(CLIP), str(TDT), TDT.name)
    plan = MeasurePlan("cuda", batches=(1,), count=1, hours=0.0)
    (loaded,) = measure(str(stacks("verified").python), subject, plan, print)
    assert not loaded.ok
    assert "cuda" in loaded.cause
