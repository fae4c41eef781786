"""The NVIDIA driver and conda's CUDA toolkit against the GPUs and torch's CUDA."""

from __future__ import annotations

from parakeet_cli.doctor.checks.gpu import NO_GPU, names, short
from parakeet_cli.doctor.facts import Facts, FactUnavailable, Gpus, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.stack import Stack


def cuda_driver(facts: Facts, stack: Stack) -> Finding:
    """The driver works, knows the GPU, and serves the CUDA that torch was built for."""
    check = "cuda-driver"
    gpus = require(facts.gpus)
    if gpus.nvidia_smi is None:
        return Finding(check, CheckStatus.SKIP, NO_GPU)
    source = stack.drivers.link
    if not gpus.present:
        return _silent(gpus, source)
    device = gpus.devices[0]
    evidence = join_lines(
        [
            *(
                f"{d.name}: compute capability {d.capability}, driver {d.driver}, {d.memory}"
                for d in gpus.devices
            ),
            f"the driver serves CUDA up to {gpus.cuda}" if gpus.cuda else "",
            f"kernel module: {gpus.kernel_module}" if gpus.kernel_module else "",
            *(f"libcuda: {path}" for path in gpus.libcuda),
        ]
    )
    why = "torch brings CUDA itself, but the driver must know the GPU and serve that CUDA."

    def fail(summary: str, remedy: str) -> Finding:
        return Finding(check, CheckStatus.FAIL, summary, why, evidence, remedy, source)

    first = gpus.libcuda[0] if gpus.libcuda else ""
    if "/compat/" in first:
        return fail(
            f"libcuda comes from a compatibility folder ({first}): error 804, forward "
            "compatibility was attempted on non supported HW",
            "Take that folder out of LD_LIBRARY_PATH, or update the driver.",
        )
    if gpus.wsl and first and "/wsl/" not in first:
        return fail(
            f"a Linux driver's libcuda ({first}) hides the one of WSL",
            "Remove the Linux NVIDIA driver inside WSL; Windows' own serves it.",
        )
    for device in gpus.devices:
        needed = stack.drivers.capability.get(device.capability)
        if needed and _major(device.driver) < int(needed):
            return fail(
                f"driver {device.driver} is older than {short(device)}: it needs {needed} or newer",
                f"Install an NVIDIA driver of series {needed} or newer, then restart.",
            )
    build = require(facts.torch)
    if build is None or build.cuda is None:
        return Finding(
            check,
            CheckStatus.OK,
            f"driver {device.driver} serves {names(gpus)}",
            why,
            evidence,
            source=source,
        )
    major = build.cuda.split(".")[0]
    series = stack.drivers.cuda.get(major)
    served = gpus.cuda.split(".")[0] if gpus.cuda else None
    if (series and _major(device.driver) < int(series)) or (served and int(served) < int(major)):
        serves = f", which serves CUDA {gpus.cuda}" if gpus.cuda else ""
        wants = f"driver {series} or newer" if series else "a newer driver"
        return fail(
            f"torch {build.version} is built for CUDA {build.cuda} and needs {wants}; "
            f"this is {device.driver}{serves}",
            f"Install an NVIDIA {wants}, then restart; or take a torch for an older CUDA: "
            f"{facts.repair_command} --torch-index cu128",
        )
    return Finding(
        check,
        CheckStatus.OK,
        f"driver {device.driver} serves CUDA {gpus.cuda or 'unknown'}; torch is built for "
        f"{build.cuda}",
        why,
        evidence,
        source=source,
    )


def _silent(gpus: Gpus, source: str) -> Finding:
    """nvidia-smi is there and shows no GPU: each of its errors has its own cause."""
    said = gpus.problem
    causes = (
        (
            "version mismatch",
            "the driver was updated while the old kernel module stayed loaded",
            "Restart the machine (or reload the nvidia kernel modules).",
        ),
        (
            "No devices were found",
            "the driver sees no device; a GPU of the 50 series needs the open kernel modules, "
            "and Resizable BAR set in the BIOS"
            + (
                f" (loaded now: {gpus.kernel_module})"
                if gpus.kernel_module and "Open" not in gpus.kernel_module
                else ""
            ),
            "Install the driver with the open kernel modules (nvidia-open), then restart.",
        ),
        (
            "not a valid field",
            "the driver is too old to tell a GPU's compute capability",
            "Install an NVIDIA driver of a current series, then restart.",
        ),
        (
            "communicate with the NVIDIA driver",
            "the kernel module is not loaded",
            "Load it (modprobe nvidia) or reinstall the driver, then restart.",
        ),
    )
    cause, remedy = next(
        ((cause, remedy) for words, cause, remedy in causes if words.lower() in said.lower()),
        ("nvidia-smi fails", f"Run {gpus.nvidia_smi} and mend what it says."),
    )
    return Finding(
        "cuda-driver",
        CheckStatus.FAIL,
        f"no GPU can be used: {cause}",
        "Without a working driver torch runs on the CPU, many times slower.",
        join_lines([f"nvidia-smi says: {said}", gpus.kernel_module or ""]),
        remedy,
        source,
    )


def _major(driver: str) -> int:
    head = driver.split(".")[0]
    if not head.isdigit():
        raise FactUnavailable(f"the driver's version {driver!r} can't be read")
    return int(head)


def cuda_toolkit(facts: Facts, stack: Stack) -> Finding:
    """conda's CUDA toolkit, where there is one, is of the CUDA torch was built for."""
    check = "cuda-toolkit"
    gpus = require(facts.gpus)
    if gpus.nvidia_smi is None:
        return Finding(check, CheckStatus.SKIP, NO_GPU)
    build = require(facts.torch)
    record = next((r for r in require(facts.conda) if r.name == "cuda-toolkit"), None)
    if build is None or build.cuda is None:
        return Finding(check, CheckStatus.SKIP, "torch is not installed, or built for CPU")
    why = "Numba compiles NeMo's CUDA code with the toolkit; torch itself brings its own CUDA."
    source = "https://github.com/conda-forge/cuda-feedstock"
    if record is None:
        if facts.interpreter.kind.startswith("conda"):
            return Finding(
                check,
                CheckStatus.WARN,
                "this conda environment holds no cuda-toolkit",
                why,
                "conda list cuda-toolkit shows nothing",
                "conda env update -f environment.yml",
                source,
            )
        return Finding(check, CheckStatus.OK, f"none needed: torch brings CUDA {build.cuda}", why)
    if record.version.split(".")[0] != build.cuda.split(".")[0]:
        return Finding(
            check,
            CheckStatus.WARN,
            f"conda's cuda-toolkit is {record.version}, torch is built for CUDA {build.cuda}",
            why,
            f"conda-meta/cuda-toolkit-{record.version}; {build.where}/version.py",
            "conda env update -f environment.yml",
            source,
        )
    return Finding(
        check,
        CheckStatus.OK,
        f"conda's cuda-toolkit {record.version}; torch is built for CUDA {build.cuda}",
        why,
        source=source,
    )
