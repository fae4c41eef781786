"""The table of checks: id -> what it asks for and the function that judges it.

A check is a pure function of (Facts, Stack). To add one, write the function and a row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from parakeet_cli.doctor.checks import driver, environment, gpu, integrity, nemo, pins, probes
from parakeet_cli.doctor.checks.combinations import joined
from parakeet_cli.doctor.checks.common import Judge
from parakeet_cli.doctor.checks.pins import pin_check
from parakeet_cli.doctor.facts import Facts, FactUnavailable
from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.stack.stack import Stack


@dataclass(frozen=True, slots=True)
class Check:
    """One row: what the check asks for, in a line, and how it is judged.

    `ml` is false for what matters even where no ML package is used.
    """

    title: str
    judge: Judge
    ml: bool = True


CHECKS: dict[str, Check] = {
    "python-version": Check("Python starts and suits the stack", environment.python_version),
    "numpy-pin": Check("NumPy is within the stack's bounds", pin_check("numpy-pin")),
    "scipy-pin": Check("SciPy is within the stack's bounds", pin_check("scipy-pin")),
    "torch-installed": Check("torch is there, whole, within bounds", pins.torch_installed),
    "torch-arch": Check("torch has kernels for every GPU", gpu.torch_arch),
    "torch-family": Check("torchvision and torchaudio suit torch", gpu.torch_family),
    "cuda-driver": Check("the driver serves the GPU and torch's CUDA", driver.cuda_driver),
    "cuda-toolkit": Check("conda's CUDA toolkit suits torch", driver.cuda_toolkit),
    "fsspec-pin": Check("fsspec is within the stack's bounds", pin_check("fsspec-pin")),
    "numba-pin": Check("Numba is within the stack's bounds", pin_check("numba-pin")),
    "librosa-pin": Check("librosa is within the stack's bounds", pin_check("librosa-pin")),
    "lightning-pin": Check("Lightning is within the stack's bounds", pin_check("lightning-pin")),
    "lightning-pair": Check("both Lightnings are one release", pins.lightning_pair),
    "torchmetrics-pin": Check(
        "torchmetrics is within the stack's bounds", pin_check("torchmetrics-pin")
    ),
    "nemo-version": Check("NeMo is there and is the stack's", pins.nemo_version),
    "nemo-requirements": Check(
        "what NeMo needs is there, within its bounds", nemo.nemo_requirements
    ),
    "setuptools-pkg-resources": Check("pkg_resources is there for Lightning", pins.setuptools),
    "pyarrow-numpy": Check("pyarrow accepts this NumPy", pins.pyarrow_numpy),
    "numpy-abi": Check("compiled files were built for this NumPy", integrity.numpy_abi),
    "duplicate-dists": Check("nothing is installed twice", integrity.duplicate_dists),
    "broken-dists": Check("what is installed is whole", integrity.broken_dists),
    "user-site": Check("the user site hides nothing", integrity.user_site),
    "environment-variables": Check(
        "no variable gets in the way", environment.environment_variables
    ),
    "system-libraries": Check(
        "the system's libraries are there", environment.system_libraries, ml=False
    ),
    "disk-space": Check("there is room to install", environment.disk_space),
    "model-cache": Check("models in the cache are whole", environment.model_cache),
    "advisories": Check("no published weakness is known", environment.advisories),
    "import-probe": Check(
        "every stage can be imported, and transcribes (--deep)", probes.import_probe
    ),
    "gpu-probe": Check("the GPU computes (--deep)", probes.gpu_probe),
}


def run_checks(facts: Facts, stack: Stack, ids: Iterable[str] = CHECKS) -> tuple[Finding, ...]:
    """One finding for each id, in the table's order."""
    wanted = set(ids)
    return tuple(_one(id_, facts, stack) for id_ in CHECKS if id_ in wanted)


def _one(id_: str, facts: Facts, stack: Stack) -> Finding:
    check = CHECKS[id_]
    if facts.mock and check.ml:
        return Finding(id_, CheckStatus.SKIP, f"no ML package is used: {facts.mock}")
    try:
        return joined(check.judge(facts, stack), facts)
    except FactUnavailable as unknown:
        return Finding(
            id_,
            CheckStatus.UNKNOWN,
            str(unknown),
            why="What can't be read can't pass.",
            remedy=facts.doctor_command("--verbose", "--only", id_),
        )
    except Exception as error:
        return Finding(
            id_,
            CheckStatus.UNKNOWN,
            f"this check itself crashed: {type(error).__name__}: {error}",
            why="It says nothing about the environment.",
            remedy="parakeet doctor report, and file what it prints as a bug.",
        )
