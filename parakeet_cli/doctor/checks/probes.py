"""What the probes of `--deep` saw in the ML interpreter itself."""

from __future__ import annotations

from parakeet_cli.doctor.checks.common import count, repair
from parakeet_cli.doctor.facts import Facts, ProbeResult, known
from parakeet_cli.doctor.findings import Finding, Status, lines
from parakeet_cli.doctor.stack import Stack

NOT_ASKED = "not tried without --deep"


def import_probe(facts: Facts, stack: Stack) -> Finding:
    """Each stage's packages and nemo.collections.asr were imported in a new process."""
    check = "import-probe"
    if facts.probes is None:
        return Finding(check, Status.SKIP, NOT_ASKED)
    return _judge(
        check,
        facts,
        stack,
        facts.probes.imports,
        "Reading can't prove that a stack works; importing what transcribes comes close.",
        "imports work, nemo.collections.asr among them",
    )


def gpu_probe(facts: Facts, stack: Stack) -> Finding:
    """A matrix was multiplied on the GPU and the product was right."""
    check = "gpu-probe"
    if facts.probes is None:
        return Finding(check, Status.SKIP, NOT_ASKED)
    if not known(facts.gpus).present:
        return Finding(check, Status.SKIP, "no GPU: nvidia-smi is not on PATH or lists none")
    return _judge(
        check,
        facts,
        stack,
        facts.probes.gpu,
        "Only a kernel that ran proves driver, CUDA and torch's kernels together.",
        "a matrix product on the GPU is right",
    )


def _judge(
    check: str,
    facts: Facts,
    stack: Stack,
    results: tuple[ProbeResult, ...],
    why: str,
    good: str,
) -> Finding:
    said = lines(
        f"{result.name}: {'works' if result.ok else result.cause} ({result.seconds:.1f} s)"
        + (f"\n{result.detail}" if result.detail and not result.ok else "")
        for result in sorted(results, key=lambda result: result.ok)
    )
    failed = [result for result in results if not result.ok]
    if not results:
        return Finding(check, Status.UNKNOWN, "no probe ran", why)
    if not failed:
        return Finding(check, Status.OK, f"{count(len(results), 'probe')}: {good}", why, said)
    first = failed[0]
    return Finding(
        check,
        Status.FAIL,
        f"{first.name}: {first.cause}"
        + (f" (and {len(failed) - 1} more that fail)" if len(failed) > 1 else ""),
        why,
        said,
        repair(facts),
        "",
        tuple(stage.number for stage in stack.stages) if check == "import-probe" else (),
    )
