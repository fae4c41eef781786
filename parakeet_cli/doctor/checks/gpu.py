"""torch against the GPUs: its architectures, other packages' kernels, its own family."""

from __future__ import annotations

import re
from collections.abc import Iterable

from parakeet_cli.doctor.checks.common import graph_of, install, listed, pip, repair
from parakeet_cli.doctor.facts import Facts, FactUnavailable, Gpus, TorchBuild, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.stack import Stack
from parakeet_cli.system.hardware import Gpu

ARCH = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)$")
GUIDE = "https://docs.nvidia.com/cuda/blackwell-compatibility-guide/"
NO_GPU = "no GPU: nvidia-smi is not on PATH"
FAMILY = ("torchvision", "torchaudio")


def runs_on(device: Gpu, archs: Iterable[str]) -> str | None:
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


def short(device: Gpu) -> str:
    return device.name.removeprefix("NVIDIA ").removeprefix("GeForce ")


def torch_arch(facts: Facts, stack: Stack) -> Finding:
    """Every GPU has kernels in torch, and in whatever else brings its own."""
    check = "torch-arch"
    gpus = require(facts.gpus)
    if gpus.nvidia_smi is None:
        return Finding(check, CheckStatus.SKIP, NO_GPU)
    if not gpus.present:
        return Finding(check, CheckStatus.SKIP, "no GPU could be read: see cuda-driver")
    build = require(facts.torch)
    if build is None:
        return Finding(check, CheckStatus.SKIP, "torch is not installed")
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
            CheckStatus.FAIL,
            f"torch {build.version} is a CPU build: {names(gpus)} will not be used",
            "torch.cuda.is_available() is False with it, whatever the driver.",
            f"{build.where}/version.py names no CUDA",
            remedy,
            GUIDE,
            stages,
        )
    if not build.arch_list:
        raise FactUnavailable(f"no list of architectures was found in {build.where}/lib")
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
            CheckStatus.FAIL,
            f"{short(device)} is {device.sm}; torch {_build_name(build)} has "
            f"{span(build.arch_list)}; the first kernel will fail with 'no kernel image'",
            why,
            join_lines(evidence),
            remedy,
            GUIDE,
            stages,
        )
    if others:
        needed = graph_of(facts).needed(stack) | set(FAMILY)
        packages = list(dict.fromkeys(package for package, _ in others))
        return Finding(
            check,
            CheckStatus.FAIL if needed & set(packages) else CheckStatus.WARN,
            f"torch has kernels for {names(gpus)}, but {listed(packages)} has none: its "
            "first kernel will fail with 'no kernel image'",
            why,
            join_lines(evidence),
            pip(facts, "install", "--upgrade", *packages),
            GUIDE,
        )
    usable = {short(d): runs_on(d, build.arch_list) for d in gpus.devices}
    return Finding(
        check,
        CheckStatus.OK,
        f"torch {_build_name(build)} has kernels for "
        + listed([f"{name} ({arch})" for name, arch in usable.items()]),
        why,
        join_lines(evidence),
        source=GUIDE,
    )


def _others_without(facts: Facts, gpus: Gpus) -> list[tuple[str, str]]:
    """(package, evidence) for packages whose own GPU code runs on none of the GPUs.

    Taken over a whole package: single files of one may hold special kernels only. torch
    is judged by its own list, NVIDIA's libraries choose their kernels themselves.
    """
    by_package: dict[str, set[str]] = {}
    for kernels in require(facts.binaries).kernels:
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


def names(gpus: Gpus) -> str:
    return listed(list(dict.fromkeys(short(device) for device in gpus.devices)))


def torch_family(facts: Facts, stack: Stack) -> Finding:
    """torchvision and torchaudio were made for this very torch and this CUDA."""
    check = "torch-family"
    build = require(facts.torch)
    there = [dist for dist in map(facts.installed, FAMILY) if dist is not None]
    if not there:
        return Finding(check, CheckStatus.SKIP, "neither torchvision nor torchaudio is installed")
    if build is None:
        return Finding(check, CheckStatus.SKIP, "torch is not installed")
    public, _, tag = build.version.partition("+")
    problems = []
    for dist in there:
        edges = [
            edge
            for edge in graph_of(facts).requirements_of(dist.name)
            if edge.requirement.name == "torch"
        ]
        problems += [
            f"{edge.who} wants torch{edge.requirement.spec}, there is {public}"
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
        return Finding(
            check, CheckStatus.OK, f"{said} with torch {build.version}", why, source=source
        )
    pin = stack.pin("torch")
    return Finding(
        check,
        CheckStatus.FAIL,
        problems[0],
        why,
        join_lines(problems),
        repair(
            facts,
            install(facts, [pin] if pin else [])
            + "".join(f" {d.name}" for d in there)
            + " --index-url "
            + (stack.torch_index_of(tag) if tag else stack.torch_index),
        ),
        source,
        (pin.stage,) if pin else (),
    )
