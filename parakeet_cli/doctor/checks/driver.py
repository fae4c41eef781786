"""Checks the NVIDIA driver and conda's CUDA toolkit against the GPUs and torch's CUDA."""

from __future__ import annotations

from typing import NamedTuple

from parakeet_cli.doctor.checks.common import CheckContext
from parakeet_cli.doctor.checks.gpu import NO_GPU, gpu_names, short_name
from parakeet_cli.doctor.facts import Facts, FactUnavailable, Gpus, TorchBuild, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.stack import Drivers

DRIVER = "cuda-driver"
TOOLKIT = "cuda-toolkit"


class _DriverProblem(NamedTuple):
    summary: str
    remedy: str


def cuda_driver(context: CheckContext) -> Finding:
    """The driver works, knows the GPU, and supports the CUDA that torch was built for."""
    facts, drivers = context.facts, context.stack.drivers
    gpus = require(facts.gpus)
    if gpus.nvidia_smi is None:
        return Finding(DRIVER, CheckStatus.SKIP, NO_GPU)
    if not gpus.present:
        return _no_usable_gpu(gpus, drivers.link)
    why = "torch brings its own CUDA, but the driver must know the GPU and support that CUDA."
    evidence = _driver_evidence(gpus)
    problem = _libcuda_problem(gpus) or _capability_problem(gpus, drivers)
    build = None if problem else require(facts.torch)
    if build is not None:
        problem = _cuda_problem(facts, gpus, build, drivers)
    if problem is not None:
        return Finding(
            DRIVER,
            CheckStatus.FAIL,
            problem.summary,
            why,
            evidence,
            problem.remedy,
            drivers.link,
        )
    summary = f"driver {gpus.devices[0].driver} supports {gpu_names(gpus)}"
    if build is not None and build.cuda is not None:
        summary = (
            f"driver {gpus.devices[0].driver} supports CUDA {gpus.cuda or 'unknown'}; "
            f"torch is built for {build.cuda}"
        )
    return Finding(DRIVER, CheckStatus.OK, summary, why, evidence, source=drivers.link)


def _driver_evidence(gpus: Gpus) -> str:
    return join_lines(
        [
            *(
                f"{gpu.name}: compute capability {gpu.capability}, driver {gpu.driver}, "
                f"{gpu.memory}"
                for gpu in gpus.devices
            ),
            f"the driver supports CUDA up to {gpus.cuda}" if gpus.cuda else "",
            f"kernel module: {gpus.kernel_module}" if gpus.kernel_module else "",
            *(f"libcuda: {path}" for path in gpus.libcuda),
        ]
    )


def _libcuda_problem(gpus: Gpus) -> _DriverProblem | None:
    """A libcuda that doesn't belong to the driver is loaded first."""
    first = gpus.libcuda[0] if gpus.libcuda else ""
    if "/compat/" in first:
        return _DriverProblem(
            f"libcuda comes from a compatibility folder ({first}): error 804, forward "
            "compatibility was attempted on non supported HW",
            "Take that folder out of LD_LIBRARY_PATH, or update the driver.",
        )
    if gpus.wsl and first and "/wsl/" not in first:
        return _DriverProblem(
            f"a Linux driver's libcuda ({first}) hides the one of WSL",
            "Remove the Linux NVIDIA driver inside WSL; WSL uses the Windows driver.",
        )
    return None


def _capability_problem(gpus: Gpus, drivers: Drivers) -> _DriverProblem | None:
    """The driver is older than a GPU."""
    for gpu in gpus.devices:
        needed = drivers.capability.get(gpu.capability)
        if needed and _major(gpu.driver) < int(needed):
            return _DriverProblem(
                f"driver {gpu.driver} is too old for {short_name(gpu)}: it needs {needed} or newer",
                f"Install an NVIDIA driver of series {needed} or newer, then restart.",
            )
    return None


def _cuda_problem(
    facts: Facts, gpus: Gpus, build: TorchBuild, drivers: Drivers
) -> _DriverProblem | None:
    """The driver is older than torch's CUDA."""
    if build.cuda is None:
        return None
    driver = gpus.devices[0].driver
    major = build.cuda.split(".")[0]
    series = drivers.cuda.get(major)
    supported = gpus.cuda.split(".")[0] if gpus.cuda else None
    old_series = series is not None and _major(driver) < int(series)
    if not old_series and not (supported and int(supported) < int(major)):
        return None
    supports = f", which supports CUDA {gpus.cuda}" if gpus.cuda else ""
    needed = f"driver {series} or newer" if series else "a newer driver"
    return _DriverProblem(
        f"torch {build.version} is built for CUDA {build.cuda} and needs {needed}; "
        f"this is {driver}{supports}",
        f"Install an NVIDIA {needed}, then restart; or install a torch for an older CUDA: "
        f"{facts.repair_command} --torch-index cu128",
    )


# nvidia-smi's message -> cause, remedy
_SMI_CAUSES = (
    (
        "version mismatch",
        "the driver was updated while the old kernel module stayed loaded",
        "Restart the machine (or reload the nvidia kernel modules).",
    ),
    (
        "No devices were found",
        "the driver sees no device; a GPU of the 50 series needs the open kernel modules, "
        "and Resizable BAR set in the BIOS",
        "Install the driver with the open kernel modules (nvidia-open), then restart.",
    ),
    (
        "not a valid field",
        "the driver is too old to report a GPU's compute capability",
        "Install an NVIDIA driver of a current series, then restart.",
    ),
    (
        "communicate with the NVIDIA driver",
        "the kernel module is not loaded",
        "Load it (modprobe nvidia) or reinstall the driver, then restart.",
    ),
)


def _no_usable_gpu(gpus: Gpus, source: str) -> Finding:
    """nvidia-smi exists but lists no GPU: its message names the cause."""
    message = gpus.problem
    cause, remedy = next(
        (
            (cause, remedy)
            for words, cause, remedy in _SMI_CAUSES
            if words.lower() in message.lower()
        ),
        ("nvidia-smi fails", f"Run {gpus.nvidia_smi} and fix what it reports."),
    )
    module = gpus.kernel_module
    if "open kernel modules" in cause and module and "Open" not in module:
        cause += f" (loaded now: {module})"
    return Finding(
        DRIVER,
        CheckStatus.FAIL,
        f"no GPU can be used: {cause}",
        "Without a working driver torch runs on the CPU, many times slower.",
        join_lines([f"nvidia-smi says: {message}", module or ""]),
        remedy,
        source,
    )


def _major(driver: str) -> int:
    head = driver.split(".")[0]
    if not head.isdigit():
        raise FactUnavailable(f"the driver's version {driver!r} can't be read")
    return int(head)


def cuda_toolkit(context: CheckContext) -> Finding:
    """conda's CUDA toolkit, if there is one, has the CUDA version torch was built for."""
    facts = context.facts
    if require(facts.gpus).nvidia_smi is None:
        return Finding(TOOLKIT, CheckStatus.SKIP, NO_GPU)
    build = require(facts.torch)
    record = next((one for one in require(facts.conda) if one.name == "cuda-toolkit"), None)
    if build is None or build.cuda is None:
        return Finding(TOOLKIT, CheckStatus.SKIP, "torch is not installed, or built for CPU")
    why = "Numba compiles NeMo's CUDA code with the toolkit; torch itself brings its own CUDA."
    source = "https://github.com/conda-forge/cuda-feedstock"
    remedy = "conda env update -f environment.yml"
    if record is None:
        if facts.interpreter.kind.startswith("conda"):
            return Finding(
                TOOLKIT,
                CheckStatus.WARN,
                "this conda environment has no cuda-toolkit",
                why,
                "conda list cuda-toolkit shows nothing",
                remedy,
                source,
            )
        return Finding(TOOLKIT, CheckStatus.OK, f"not needed: torch brings CUDA {build.cuda}", why)
    versions = f"conda's cuda-toolkit is {record.version}, torch is built for CUDA {build.cuda}"
    if record.version.split(".")[0] != build.cuda.split(".")[0]:
        return Finding(
            TOOLKIT,
            CheckStatus.WARN,
            versions,
            why,
            f"conda-meta/cuda-toolkit-{record.version}; {build.folder}/version.py",
            remedy,
            source,
        )
    return Finding(TOOLKIT, CheckStatus.OK, versions, why, source=source)
