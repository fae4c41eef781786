"""What stands in the way of measuring a GPU, and when a report is complete."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.facts import Facts, Gpus, ProbeResult, Unavailable
from parakeet_cli.doctor.measure_gpu import DECISIVE, GpuReport, Obstacle, find_obstacle
from parakeet_cli.doctor.probes.throughput import MeasurePlan, Subject
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import CU126, CU128, RTX_5090, built, gpu, healthy, lacking

STACK = load_stack("2.4")
SUITABLE = replace(healthy(), gpus=RTX_5090, torch=built("2.8.0+cu128", "12.8", CU128))
SUBJECT = Subject("/worker/__main__.py", "/clip.wav", "/model.nemo", "model.nemo")
PLAN = MeasurePlan(batches=(1, 8), hours=2.0)


def obstacle(facts: Facts) -> Obstacle | None:
    return find_obstacle(facts, run_checks(facts, STACK, DECISIVE))


def test_a_gpu_that_torch_has_kernels_for_can_be_measured() -> None:
    assert obstacle(SUITABLE) is None


@pytest.mark.parametrize(
    ("facts", "reason", "remedy"),
    [
        (replace(SUITABLE, gpus=Gpus()), "nvidia-smi is not on PATH", "--gpu-report"),
        (replace(SUITABLE, gpus=Unavailable("denied")), "denied", "--only cuda-driver"),
        (
            replace(SUITABLE, gpus=Gpus("/bin/nvidia-smi", problem="No devices were found")),
            "nvidia-smi lists no GPU: No devices were found",
            "--only cuda-driver",
        ),
        (
            replace(SUITABLE, variables={"CUDA_VISIBLE_DEVICES": ""}),
            "CUDA_VISIBLE_DEVICES hides every GPU",
            "unset CUDA_VISIBLE_DEVICES",
        ),
        (replace(SUITABLE, torch=None), "torch is not installed", "doctor --fix"),
        (lacking(SUITABLE, "nemo-toolkit"), "NeMo is not installed", "doctor --fix"),
        (
            replace(SUITABLE, torch=built("2.13.0+cpu", None)),
            "torch 2.13.0+cpu is a CPU build",
            "doctor --fix",
        ),
        (
            replace(SUITABLE, torch=built("2.6.0+cu126", "12.6", CU126)),
            "RTX 5090 is sm_120; torch 2.6.0+cu126 has sm_50 to sm_90",
            "doctor --fix",
        ),
        (
            replace(SUITABLE, gpus=gpu("12.0", "GeForce RTX 5090", "565.57.01", "12.7")),
            "driver 565.57.01 is too old for RTX 5090",
            "570",
        ),
    ],
)
def test_what_prevents_a_measurement_is_named_with_what_to_type(
    facts: Facts, reason: str, remedy: str
) -> None:
    found = obstacle(facts)
    assert found is not None
    assert reason in found.reason
    assert remedy in found.remedy


def step(name: str, **values: object) -> ProbeResult:
    return ProbeResult(name, True, values=values)


LOADED = step("load", gpu="RTX 5090")
ONE, EIGHT, LONG = step("batch 1", batch=1), step("batch 8", batch=8), step("hours", hours=2.0)


def report(*steps: ProbeResult) -> GpuReport:
    return GpuReport(SUITABLE, STACK, (), SUBJECT, PLAN, steps=steps)


def test_a_report_with_every_step_is_complete() -> None:
    found = report(LOADED, ONE, EIGHT, LONG)
    assert (found.complete, found.left_out) == (True, ())


def test_a_step_that_failed_is_left_out_with_its_cause_and_the_rest_because_of_it() -> None:
    failed = ProbeResult("batch 1", False, "AcceleratorError: an illegal memory access")
    found = report(LOADED, failed)
    assert not found.complete
    assert not found.measured
    assert found.left_out == (
        ("batch 1", "AcceleratorError: an illegal memory access"),
        ("batch 8", "batch 1 failed"),
        ("hours", "batch 1 failed"),
    )


def test_batches_that_were_timed_on_a_cpu_are_no_measurement_of_a_gpu() -> None:
    found = report(step("load", gpu=None), ONE, EIGHT, LONG)
    assert (found.measured, found.complete) == (False, False)
