"""GPU verdicts: compute capability x driver x torch build x other packages' kernels."""

from __future__ import annotations

import re
from collections.abc import Iterable

from parakeet_cli.doctor.checks.common import graph_of, install, listed, pip, repair
from parakeet_cli.doctor.facts import Facts, GpuDevice, Gpus, TorchBuild, Unknown, known
from parakeet_cli.doctor.findings import Finding, Status, lines
from parakeet_cli.doctor.stack import Stack

ARCH = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)$")
GUIDE = "https://docs.nvidia.com/cuda/blackwell-compatibility-guide/"
NO_GPU = "no GPU: nvidia-smi is not on PATH"
FAMILY = ("torchvision", "torchaudio")


def runs_on(device: GpuDevice, archs: Iterable[str]) -> str | None:
    """Which of the architectures the device can run, or None.

    A cubin (sm_XY) runs on its own major version at the same or a higher minor one, one
    for sm_XYa on exactly that; PTX (compute_XY) is compiled for any newer device.
    """
    major, _, minor = device.capability.partition(".")
    wanted = (int(major), int(minor))
    by_ptx: str | None = None
    for arch in archs:
        match = ARCH.match(arch)
        if match is None:
            continue
        has = (int(match[2]), int(match[3]))
        if match[4] == "a":
            fits = has == wanted
        elif match[1] == "sm" or match[4] == "f":
            fits = has[0] == wanted[0] and has[1] <= wanted[1]
        else:
            fits = has <= wanted
        if fits and match[1] == "sm":
            return arch
        if fits:
            by_ptx = arch
    return by_ptx


def span(archs: Iterable[str]) -> str:
    """ "sm_50 to sm_90": the architectures in a few words."""
    cubins = sorted(
        {a for a in archs if a.startswith("sm_")},
        key=lambda a: int("".join(c for c in a if c.isdigit())),
    )
    ptx = sorted({a for a in archs if a.startswith("compute_")})
    parts = []
    if cubins:
        parts.append(cubins[0] if len(cubins) == 1 else f"{cubins[0]} to {cubins[-1]}")
    if ptx:
        parts.append(f"PTX for {listed(ptx)}")
    return " and ".join(parts) or "no GPU code"


def short(device: GpuDevice) -> str:
    return device.name.removeprefix("NVIDIA ").removeprefix("GeForce ")


def torch_arch(facts: Facts, stack: Stack) -> Finding:
    """Every GPU has kernels in torch, and in whatever else brings its own."""
    check = "torch-arch"
    gpus = known(facts.gpus)
    if gpus.nvidia_smi is None:
        return Finding(check, Status.SKIP, NO_GPU)
    if not gpus.present:
        return Finding(check, Status.SKIP, "no GPU could be read: see cuda-driver")
    build = known(facts.torch)
    if build is None:
        return Finding(check, Status.SKIP, "torch is not installed")
    pin = stack.pin("torch")
    stages = (pin.stage,) if pin else ()
    why = (
        "GPU code is compiled for an architecture: it runs on the same major version at the "
        "same or a higher minor one; only PTX is carried over to newer GPUs."
    )
    remedy = repair(facts, pip(facts, "install", "--force-reinstall", "-r", str(stack.files[0])))
    if build.cuda is None and build.hip is None:
        return Finding(
            check,
            Status.FAIL,
            f"torch {build.version} is a CPU build: {_names(gpus)} will not be used",
            "torch.cuda.is_available() is False with it, whatever the driver.",
            f"{build.where}/version.py names no CUDA",
            remedy,
            GUIDE,
            stages,
        )
    if not build.arch_list:
        raise Unknown(f"no list of architectures was found in {build.where}/lib")
    without = [device for device in gpus.devices if runs_on(device, build.arch_list) is None]
    evidence = [
        f"{device.name}: compute capability {device.capability} ({device.sm}), "
        f"driver {device.driver}"
        for device in gpus.devices
    ]
    evidence.append(f"torch {build.version}: {' '.join(build.arch_list)}")
    others = _others_without(facts, gpus)
    evidence += [line for _, line in others]
    if without:
        device = without[0]
        return Finding(
            check,
            Status.FAIL,
            f"{short(device)} is {device.sm}; torch {_build_name(build)} has "
            f"{span(build.arch_list)}; the first kernel will fail with 'no kernel image'",
            why,
            lines(evidence),
            remedy,
            GUIDE,
            stages,
        )
    if others:
        needed = graph_of(facts).needed(stack) | set(FAMILY)
        packages = list(dict.fromkeys(package for package, _ in others))
        return Finding(
            check,
            Status.FAIL if needed & set(packages) else Status.WARN,
            f"torch has kernels for {_names(gpus)}, but {listed(packages)} has none: its "
            "first kernel will fail with 'no kernel image'",
            why,
            lines(evidence),
            pip(facts, "install", "--upgrade", *packages),
            GUIDE,
        )
    usable = {short(d): runs_on(d, build.arch_list) for d in gpus.devices}
    return Finding(
        check,
        Status.OK,
        f"torch {_build_name(build)} has kernels for "
        + listed([f"{name} ({arch})" for name, arch in usable.items()]),
        why,
        lines(evidence),
        source=GUIDE,
    )


def _others_without(facts: Facts, gpus: Gpus) -> list[tuple[str, str]]:
    """(package, evidence) for packages whose own GPU code runs on none of the GPUs.

    Taken over a whole package: single files of one may hold special kernels only. torch
    is judged by its own list, NVIDIA's libraries choose their kernels themselves.
    """
    by_package: dict[str, set[str]] = {}
    for kernels in known(facts.binaries).kernels:
        by_package.setdefault(kernels.package, set()).update(kernels.cubins + kernels.ptx)
    found = []
    for package, archs in sorted(by_package.items()):
        if package == "torch" or package.startswith("nvidia-"):
            continue
        for device in gpus.devices:
            if runs_on(device, archs) is None:
                found.append((package, f"{package}: {span(archs)}, none runs on {device.sm}"))
                break
    return found


def _build_name(build: TorchBuild) -> str:
    if "+" in build.version or not build.cuda:
        return build.version
    return f"{build.version}+cu{build.cuda.replace('.', '')}"


def _names(gpus: Gpus) -> str:
    return listed(list(dict.fromkeys(short(device) for device in gpus.devices)))


# The driver


def cuda_driver(facts: Facts, stack: Stack) -> Finding:
    """The driver works, knows the GPU, and serves the CUDA that torch was built for."""
    check = "cuda-driver"
    gpus = known(facts.gpus)
    if gpus.nvidia_smi is None:
        return Finding(check, Status.SKIP, NO_GPU)
    source = stack.drivers.link
    if not gpus.present:
        return _silent(gpus, source)
    device = gpus.devices[0]
    evidence = lines(
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
        return Finding(check, Status.FAIL, summary, why, evidence, remedy, source)

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
    build = known(facts.torch)
    if build is None or build.cuda is None:
        return Finding(
            check,
            Status.OK,
            f"driver {device.driver} serves {_names(gpus)}",
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
            f"{facts.repair} --torch-index cu128",
        )
    return Finding(
        check,
        Status.OK,
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
        Status.FAIL,
        f"no GPU can be used: {cause}",
        "Without a working driver torch runs on the CPU, many times slower.",
        lines([f"nvidia-smi says: {said}", gpus.kernel_module or ""]),
        remedy,
        source,
    )


def _major(driver: str) -> int:
    head = driver.split(".")[0]
    if not head.isdigit():
        raise Unknown(f"the driver's version {driver!r} can't be read")
    return int(head)


def cuda_toolkit(facts: Facts, stack: Stack) -> Finding:
    """conda's CUDA toolkit, where there is one, is of the CUDA torch was built for."""
    check = "cuda-toolkit"
    gpus = known(facts.gpus)
    if gpus.nvidia_smi is None:
        return Finding(check, Status.SKIP, NO_GPU)
    build = known(facts.torch)
    record = next((r for r in known(facts.conda) if r.name == "cuda-toolkit"), None)
    if build is None or build.cuda is None:
        return Finding(check, Status.SKIP, "torch is not installed, or built for CPU")
    why = "Numba compiles NeMo's CUDA code with the toolkit; torch itself brings its own CUDA."
    source = "https://github.com/conda-forge/cuda-feedstock"
    if record is None:
        if facts.interpreter.kind.startswith("conda"):
            return Finding(
                check,
                Status.WARN,
                "this conda environment holds no cuda-toolkit",
                why,
                "conda list cuda-toolkit shows nothing",
                "conda env update -f environment.yml",
                source,
            )
        return Finding(check, Status.OK, f"none needed: torch brings CUDA {build.cuda}", why)
    if record.version.split(".")[0] != build.cuda.split(".")[0]:
        return Finding(
            check,
            Status.WARN,
            f"conda's cuda-toolkit is {record.version}, torch is built for CUDA {build.cuda}",
            why,
            f"conda-meta/cuda-toolkit-{record.version}; {build.where}/version.py",
            "conda env update -f environment.yml",
            source,
        )
    return Finding(
        check,
        Status.OK,
        f"conda's cuda-toolkit {record.version}; torch is built for CUDA {build.cuda}",
        why,
        source=source,
    )


def torch_family(facts: Facts, stack: Stack) -> Finding:
    """torchvision and torchaudio were made for this very torch and this CUDA."""
    check = "torch-family"
    build = known(facts.torch)
    there = [dist for dist in map(facts.installed, FAMILY) if dist is not None]
    if not there:
        return Finding(check, Status.SKIP, "neither torchvision nor torchaudio is installed")
    if build is None:
        return Finding(check, Status.SKIP, "torch is not installed")
    public, _, tag = build.version.partition("+")
    problems = []
    for dist in there:
        edges = [edge for edge in graph_of(facts).of(dist.name) if edge.wanted.name == "torch"]
        problems += [
            f"{edge.who} wants torch{edge.wanted.spec}, there is {public}"
            for edge in edges
            if not edge.met_by(build.version)
        ]
        own = (dist.version or "").partition("+")[2]
        if own and tag and own != tag:
            problems.append(f"{dist.name} {dist.version} is of build {own}, torch of {tag}")
    said = listed([f"{dist.name} {dist.version}" for dist in there])
    why = (
        "They are compiled against one torch: beside another they fail with 'operator "
        "torchvision::nms does not exist' or 'different CUDA versions'."
    )
    source = "https://github.com/pytorch/pytorch/issues/157648"
    if not problems:
        return Finding(check, Status.OK, f"{said} with torch {build.version}", why, source=source)
    pin = stack.pin("torch")
    return Finding(
        check,
        Status.FAIL,
        problems[0],
        why,
        lines(problems),
        repair(
            facts,
            install(facts, [pin] if pin else [])
            + "".join(f" {d.name}" for d in there)
            + " --index-url https://download.pytorch.org/whl/"
            + (tag or "cu128"),
        ),
        source,
        (pin.stage,) if pin else (),
    )
