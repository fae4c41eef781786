"""Checks the NVIDIA driver and conda's CUDA toolkit against the GPUs and torch's CUDA."""

from __future__ import annotations

import shlex
from typing import NamedTuple

from parakeet_cli.doctor.checks import container
from parakeet_cli.doctor.checks.common import CheckContext
from parakeet_cli.doctor.checks.gpu import NO_GPU
from parakeet_cli.doctor.facts import Facts, FactUnavailable, Gpus, TorchBuild, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.torch_builds import (
    ALL_HIDDEN,
    driver_series,
    generation_of,
    gpu_names,
    oldest_driver,
    short_name,
)

DRIVER_SOURCE = "https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/index.html"
DRIVER = "cuda-driver"
TOOLKIT = "cuda-toolkit"


class _DriverProblem(NamedTuple):
    summary: str
    remedy: str
    stages: tuple[int, ...] = ()  # that install a torch for this driver
    source: str = DRIVER_SOURCE


def cuda_driver(context: CheckContext) -> Finding:
    """The driver works, knows the GPU, and supports the CUDA that torch was built for."""
    facts = context.facts
    gpus = require(facts.gpus)
    if gpus.nvidia_smi is None:
        return _without_nvidia_smi(facts, gpus)
    if not gpus.present:
        if gpus.hidden:
            return Finding(DRIVER, CheckStatus.SKIP, ALL_HIDDEN)
        return _no_usable_gpu(facts, gpus)
    why = "torch brings its own CUDA, but the driver must know the GPU and support that CUDA."
    evidence = _driver_evidence(gpus)
    problem = (
        _container_problem(facts, gpus)
        or _libcuda_problem(facts, gpus)
        or _generation_problem(context, gpus)
    )
    build = None if problem else require(facts.torch)
    if build is not None:
        problem = _cuda_problem(context, gpus, build)
    if problem is not None:
        return Finding(
            DRIVER,
            CheckStatus.FAIL,
            problem.summary,
            why,
            evidence,
            problem.remedy,
            problem.source,
            problem.stages,
        )
    summary = f"driver {gpus.devices[0].driver} supports {gpu_names(gpus.devices)}"
    if build is not None and build.cuda is not None:
        summary = (
            f"driver {gpus.devices[0].driver} supports CUDA {gpus.cuda or 'unknown'}; "
            f"torch is built for {build.cuda}"
        )
    return Finding(DRIVER, CheckStatus.OK, summary, why, evidence, source=DRIVER_SOURCE)


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


def _without_nvidia_smi(facts: Facts, gpus: Gpus) -> Finding:
    """No GPU; in a container with a torch for CUDA, why that may be a mistake."""
    missing = container.not_given(facts, gpus)
    if missing is None:
        return Finding(DRIVER, CheckStatus.SKIP, NO_GPU)
    return Finding(
        DRIVER,
        CheckStatus.WARN,
        missing.summary,
        "This torch is built for CUDA. Without a GPU it runs on the CPU, many times slower.",
        gpus.kernel_module or "",
        missing.remedy,
        missing.source,
    )


def _container_problem(facts: Facts, gpus: Gpus) -> _DriverProblem | None:
    """What the container lacks of the host's driver."""
    missing = container.lacking(facts, gpus)
    return missing and _DriverProblem(missing.summary, missing.remedy, source=missing.source)


def _libcuda_problem(facts: Facts, gpus: Gpus) -> _DriverProblem | None:
    """A libcuda that doesn't belong to the driver is loaded first."""
    first = gpus.libcuda[0] if gpus.libcuda else ""
    if "/compat/" in first:
        return _DriverProblem(
            f"libcuda comes from a compatibility folder ({first}): error 804, forward "
            "compatibility was attempted on non supported HW",
            "Take that folder out of LD_LIBRARY_PATH, or update the driver.",
        )
    # In a container NVIDIA's toolkit puts WSL's own where Linux has its libraries.
    if gpus.wsl and first and "/wsl/" not in first and not require(facts.container):
        return _DriverProblem(
            f"a Linux driver's libcuda ({first}) hides the one of WSL",
            "Remove the Linux NVIDIA driver inside WSL; WSL uses the Windows driver.",
        )
    return None


def _generation_problem(context: CheckContext, gpus: Gpus) -> _DriverProblem | None:
    """The driver is older than a GPU, or no longer supports it."""
    for gpu in gpus.devices:
        generation, series = generation_of(gpu), _series(gpu.driver)
        if generation is None:
            continue
        if series < generation.driver:
            # Also new enough for the build of torch, so that one installation is enough.
            needed = max(generation.driver, int(context.torch_choice.driver or 0))
            return _DriverProblem(
                f"driver {gpu.driver} is too old for {short_name(gpu)}: install {needed} or newer",
                _install(context, f"an NVIDIA driver of series {needed} or newer"),
                source=generation.source,
            )
        if generation.last_driver and series > generation.last_driver:
            return _DriverProblem(
                f"driver {gpu.driver} no longer supports {short_name(gpu)}: series "
                f"{generation.last_driver} is the last that does",
                _install(context, f"the NVIDIA driver of series {generation.last_driver}"),
                source=generation.source,
            )
    return None


def _install(context: CheckContext, driver: str) -> str:
    """What to do about the driver, which in a container is the host's."""
    remedy = f"Install {driver}, then restart."
    return container.on_host(context.facts, require(context.facts.gpus), remedy)


def _cuda_problem(context: CheckContext, gpus: Gpus, build: TorchBuild) -> _DriverProblem | None:
    """The driver is older than torch's CUDA. Minor releases of one CUDA are compatible."""
    if build.cuda is None:
        return None
    facts, driver = context.facts, gpus.devices[0].driver
    major = build.cuda.split(".")[0]
    series = oldest_driver(int(major), facts.platform)
    supported = gpus.cuda.split(".")[0] if gpus.cuda else None
    if _series(driver) >= series and not (supported and int(supported) < int(major)):
        return None
    supports = f", which supports CUDA {gpus.cuda}" if gpus.cuda else ""
    needed = f"driver {series} or newer" if series else "a newer driver"
    choice = context.torch_choice
    pin = context.stack.pin("torch")
    newer_driver = _install(context, f"an NVIDIA {needed}")
    summary = (
        f"torch {build.version} is built for CUDA {build.cuda} and needs {needed}; "
        f"this is {driver}{supports}"
    )
    if choice.driver or not choice.uses_gpu or choice.index == f"cu{build.cuda.replace('.', '')}":
        return _DriverProblem(summary, choice.advice or newer_driver)
    return _DriverProblem(
        f"{summary}. A build for an older CUDA suits it: {choice.index}",
        f"{facts.repair_command}\nOr keep this torch: {newer_driver[0].lower()}{newer_driver[1:]}",
        (pin.stage,) if pin else (),
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
    (
        "did not answer",
        "the driver hangs: nvidia-smi gives no answer",
        "Restart the machine. If it hangs again, reinstall the driver; "
        "sudo dmesg | grep -i nvrm shows what the kernel says of the GPU.",
    ),
)


def _no_usable_gpu(facts: Facts, gpus: Gpus) -> Finding:
    """nvidia-smi exists but lists no GPU: its message names the cause."""
    message, source = gpus.problem, DRIVER_SOURCE
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
    if missing := container.why_nvidia_smi_fails(facts, gpus):
        cause, remedy, source = missing
    elif gpus.wsl:
        remedy = container.DRIVER_OF_WSL
    else:
        remedy = container.on_host(facts, gpus, remedy)
    return Finding(
        DRIVER,
        CheckStatus.FAIL,
        f"no GPU can be used: {cause}",
        "Without a working driver torch runs on the CPU, many times slower.",
        join_lines([f"nvidia-smi says: {message}", module or ""]),
        remedy,
        source,
    )


def _series(driver: str) -> int:
    try:
        return driver_series(driver)
    except ValueError as error:
        raise FactUnavailable(str(error)) from error


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
    prefix, channel = facts.interpreter.prefix, ("-c", "conda-forge")
    remedy = shlex.join(["conda", "install", "-p", prefix, *channel, f"cuda-toolkit={build.cuda}"])
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
