"""The table of checks: id -> what the check requires and the function that checks it.

A check is a pure function of the facts and the stack. CONTRIBUTING.md says how to add one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from parakeet_cli.doctor.checks import (
    driver,
    environment,
    gpu,
    hiding,
    integrity,
    models,
    nemo,
    pins,
    presence,
    probes,
)
from parakeet_cli.doctor.checks.combinations import add_combinations
from parakeet_cli.doctor.checks.common import CheckContext, CheckFunction, is_unsupported
from parakeet_cli.doctor.checks.pins import pin_check
from parakeet_cli.doctor.facts import Facts, FactUnavailable
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.stack.stack import Stack


@dataclass(frozen=True, slots=True)
class Check:
    """One row: what the check requires, in one line, and its function."""

    title: str
    run: CheckFunction


CHECKS: dict[str, Check] = {
    "stack-installed": Check("something of the ML stack is installed", presence.stack_installed),
    "python-version": Check("Python starts and suits the stack", environment.python_version),
    "numpy-pin": Check("NumPy is within the stack's bounds", pin_check("numpy-pin")),
    "scipy-pin": Check("SciPy is within the stack's bounds", pin_check("scipy-pin")),
    "torch-installed": Check("torch is complete and within its bounds", pins.torch_installed),
    "torch-arch": Check("torch has kernels for every GPU", gpu.torch_arch),
    "torch-family": Check("torchvision and torchaudio suit torch", gpu.torch_family),
    "cuda-driver": Check("the driver supports the GPU and torch's CUDA", driver.cuda_driver),
    "cuda-toolkit": Check("conda's CUDA toolkit suits torch", driver.cuda_toolkit),
    "fsspec-pin": Check("fsspec is within the stack's bounds", pin_check("fsspec-pin")),
    "numba-pin": Check("Numba is within the stack's bounds", pin_check("numba-pin")),
    "librosa-pin": Check("librosa is within the stack's bounds", pin_check("librosa-pin")),
    "lightning-pin": Check("Lightning is within the stack's bounds", pin_check("lightning-pin")),
    "lightning-pair": Check("both Lightning packages are one release", pins.lightning_pair),
    "torchmetrics-pin": Check(
        "torchmetrics is within the stack's bounds", pin_check("torchmetrics-pin")
    ),
    "nemo-version": Check("NeMo is installed in the stack's version", pins.nemo_version),
    "nemo-requirements": Check(
        "what NeMo needs is installed, within its bounds", nemo.nemo_requirements
    ),
    "setuptools-pkg-resources": Check("Lightning can import pkg_resources", pins.setuptools),
    "pyarrow-numpy": Check("pyarrow accepts this NumPy", pins.pyarrow_numpy),
    "numpy-abi": Check("compiled files were built for this NumPy", integrity.numpy_abi),
    "duplicate-dists": Check("nothing is installed twice", integrity.duplicate_dists),
    "broken-dists": Check("every installed package is complete", integrity.broken_dists),
    "user-site": Check("the user site hides nothing", hiding.user_site),
    "environment-variables": Check(
        "no variable affects the stack", environment.environment_variables
    ),
    "system-libraries": Check("the system's libraries can be found", environment.system_libraries),
    "disk-space": Check("there is enough disk space to install", environment.disk_space),
    "model-cache": Check("models in the cache are complete", models.model_cache),
    "advisories": Check("no known vulnerability applies", models.advisories),
    "import-probe": Check(
        "every stage can be imported, and transcribes (--deep)", probes.import_probe
    ),
    "gpu-probe": Check("the GPU computes (--deep)", probes.gpu_probe),
}


def run_checks(facts: Facts, stack: Stack, ids: Iterable[str] = CHECKS) -> tuple[Finding, ...]:
    """One finding for each id, in the table's order."""
    requested = set(ids)
    context = CheckContext(facts, stack)
    return tuple(_run(id_, context) for id_ in CHECKS if id_ in requested)


def run_few_checks(facts: Facts, stack: Stack, ids: Iterable[str]) -> tuple[Finding, ...]:
    """The findings where nothing of the stack is installed: that alone, and no list of cures.

    A Python that can't start is the other thing to know. One of a version that the stack
    doesn't support is not: setup makes an environment with one that it does. What is left is
    skipped.
    """
    requested = set(ids)
    judged = {presence.STACK_INSTALLED}
    unsupported = is_unsupported(facts, stack)
    if not (unsupported or _run("python-version", CheckContext(facts, stack)).healthy):
        judged.add("python-version")
    found = {one.id: one for one in run_checks(facts, stack, judged & requested)}
    return tuple(
        found.get(id_) or Finding(id_, CheckStatus.SKIP, "nothing of the stack is installed")
        for id_ in CHECKS
        if id_ in requested
    )


def _run(id_: str, context: CheckContext) -> Finding:
    check, facts = CHECKS[id_], context.facts
    if facts.mock:
        return Finding(id_, CheckStatus.SKIP, f"no ML package is needed: {facts.mock}")
    try:
        return add_combinations(check.run(context), facts)
    except FactUnavailable as unavailable:
        return Finding(
            id_,
            CheckStatus.UNKNOWN,
            str(unavailable),
            why="A check can't pass without what it reads.",
            remedy=facts.doctor_command("--verbose", "--only", id_),
        )
    except Exception as error:
        return Finding(
            id_,
            CheckStatus.UNKNOWN,
            f"this check itself crashed: {type(error).__name__}: {error}",
            why="The crash says nothing about the environment.",
            remedy="parakeet doctor report, and file its output as a bug.",
        )
