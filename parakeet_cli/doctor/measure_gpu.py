"""Examines a machine's GPU, its torch and NeMo, and measures the engine on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from parakeet_cli.doctor.checks import run_checks
from parakeet_cli.doctor.diagnose import DiagnosisRequest, examine
from parakeet_cli.doctor.facts import Facts, ProbeResult, Unavailable
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.inspect.gpu import list_mig_instances
from parakeet_cli.doctor.probes.runner import run_probes
from parakeet_cli.doctor.probes.throughput import HOURS, LOAD, MeasurePlan, Subject, measure
from parakeet_cli.doctor.stack.stack import NEMO, Stack

CHECKS = (
    "torch-installed",
    "torch-arch",
    "torch-family",
    "cuda-driver",
    "cuda-toolkit",
    "nemo-version",
    "environment-variables",
    "gpu-probe",
)
# With one of these failing, no kernel can run.
DECISIVE = ("cuda-driver", "torch-arch")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing could be measured, and what to type."""

    reason: str
    remedy: str


@dataclass(frozen=True, slots=True)
class GpuReport:
    """What was read and measured. Where there was an obstacle, `steps` is empty."""

    facts: Facts
    stack: Stack
    findings: tuple[Finding, ...]
    subject: Subject
    plan: MeasurePlan
    mig: tuple[str, ...] = ()
    obstacle: Obstacle | None = None
    steps: tuple[ProbeResult, ...] = ()

    def step(self, name: str) -> ProbeResult | None:
        """The step of that name, if it worked."""
        return next((one for one in self.steps if one.ok and one.name == name), None)

    @property
    def batches(self) -> tuple[ProbeResult, ...]:
        """The batch sizes that were timed."""
        return tuple(one for one in self.steps if one.ok and "batch" in one.values)

    @property
    def measured(self) -> bool:
        """Whether anything was timed on a GPU."""
        loaded = self.step(LOAD)
        return bool(loaded and loaded.values.get("gpu") and self.batches)

    @property
    def left_out(self) -> tuple[tuple[str, str], ...]:
        """What was not measured, and why."""
        return tuple(self._left_out())

    def _left_out(self) -> Iterator[tuple[str, str]]:
        failed = next((one for one in self.steps if not one.ok), None)
        before = self.obstacle.reason if self.obstacle else ""
        if not before and failed:
            before = f"{failed.name} failed"
        for name in (LOAD, *(f"batch {size}" for size in self.plan.batches), HOURS):
            if self.step(name) is None:
                own = next((one.cause for one in self.steps if one.name == name), "")
                yield name, own or before or "the step before it ended the process"

    @property
    def complete(self) -> bool:
        return self.measured and not self.left_out


def report_gpu(
    request: DiagnosisRequest, subject: Subject, plan: MeasurePlan, note: Callable[[str], None]
) -> GpuReport:
    """Examine, and measure where there is a GPU that torch can use.

    Raises UsageError for an unknown interpreter or stack.
    """
    facts, stack = examine(request)
    report = GpuReport(facts, stack, (), subject, plan, list_mig_instances(_nvidia_smi(facts)))
    obstacle = find_obstacle(facts, run_checks(facts, stack, DECISIVE))
    if obstacle is None:
        note("Multiplying matrices on the GPU.")
        probes = run_probes(facts, stack, ("gpu-probe",), Unavailable("it was not asked for"))
        facts = replace(facts, probes=probes)
    report = replace(report, facts=facts, findings=run_checks(facts, stack, CHECKS))
    if obstacle is not None:
        return replace(report, obstacle=obstacle)
    steps = measure(facts.interpreter.executable, subject, plan, note)
    return replace(report, steps=steps)


def find_obstacle(facts: Facts, findings: tuple[Finding, ...]) -> Obstacle | None:
    """Why nothing can be measured on a GPU, by the facts alone; None if nothing is known."""
    return _no_gpu(facts) or _no_stack(facts) or _failing(findings)


def _no_gpu(facts: Facts) -> Obstacle | None:
    gpus = facts.gpus
    look = facts.doctor_command("--only", "cuda-driver")
    if isinstance(gpus, Unavailable):
        return Obstacle(f"the GPUs can't be read: {gpus.reason}", look)
    if gpus.nvidia_smi is None:
        return Obstacle(
            "no NVIDIA GPU, or no driver for it (nvidia-smi is not on PATH)",
            "on a machine with an NVIDIA GPU and its driver: "
            + facts.doctor_command("--gpu-report"),
        )
    if not gpus.present:
        return Obstacle(f"nvidia-smi lists no GPU: {gpus.problem}", look)
    if facts.variables.get("CUDA_VISIBLE_DEVICES", "0").strip() in ("", "-1"):
        return Obstacle("CUDA_VISIBLE_DEVICES hides every GPU", "unset CUDA_VISIBLE_DEVICES")
    return None


def _no_stack(facts: Facts) -> Obstacle | None:
    if facts.torch is not None and facts.installed(NEMO) is not None:
        return None
    missing = "torch" if facts.torch is None else "NeMo"
    return Obstacle(
        f"{missing} is not installed in {facts.interpreter.executable}", facts.repair_command
    )


def _failing(findings: tuple[Finding, ...]) -> Obstacle | None:
    found = {finding.id: finding for finding in findings if finding.status is CheckStatus.FAIL}
    for id_ in DECISIVE:
        if id_ in found:
            return Obstacle(found[id_].summary, found[id_].remedy)
    return None


def _nvidia_smi(facts: Facts) -> str | None:
    return None if isinstance(facts.gpus, Unavailable) else facts.gpus.nvidia_smi
