"""Checks torch's architectures, other packages' kernels and torch's family against the GPUs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from parakeet_cli.doctor.checks.common import (
    CheckContext,
    install_command,
    join_names,
    pip_command,
    repair_remedy,
    torch_command,
)
from parakeet_cli.doctor.facts import Distribution, FactUnavailable, Gpus, TorchBuild, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.stack import TORCH_FAMILY
from parakeet_cli.doctor.stack.torch_builds import (
    ALL_HIDDEN,
    CPU,
    TorchChoice,
    gpu_names,
    hide_command,
    runs_on,
    short_name,
)
from parakeet_cli.system.hardware import Gpu

GUIDE = "https://docs.nvidia.com/cuda/blackwell-compatibility-guide/"
NO_GPU = "no GPU: nvidia-smi is not on PATH"
ARCH_CHECK, FAMILY_CHECK = "torch-arch", "torch-family"
ARCH_WHY = (
    "GPU code is compiled for an architecture. It runs on the same major version with the "
    "same or a higher minor version; only PTX also runs on newer GPUs."
)


def arch_range(archs: Iterable[str]) -> str:
    """The architectures in a few words: "sm_50 to sm_90"."""
    cubins = sorted(
        {arch for arch in archs if arch.startswith("sm_")},
        key=lambda arch: int("".join(char for char in arch if char.isdigit())),
    )
    ptx = sorted({arch for arch in archs if arch.startswith("compute_")})
    parts = []
    if cubins:
        parts.append(cubins[0] if len(cubins) == 1 else f"{cubins[0]} to {cubins[-1]}")
    if ptx:
        parts.append(f"PTX for {join_names(ptx)}")
    return " and ".join(parts) or "no GPU code"


def torch_arch(context: CheckContext) -> Finding:
    """Every GPU has kernels in torch and in the other packages that bring their own."""
    gpus = require(context.facts.gpus)
    if gpus.nvidia_smi is None:
        return Finding(ARCH_CHECK, CheckStatus.SKIP, NO_GPU)
    if not gpus.present:
        unread = "no GPU could be read: see cuda-driver"
        return Finding(ARCH_CHECK, CheckStatus.SKIP, ALL_HIDDEN if gpus.hidden else unread)
    build = require(context.facts.torch)
    if build is None:
        return Finding(ARCH_CHECK, CheckStatus.SKIP, "torch is not installed")
    if build.cuda is None and build.hip is None:
        return _cpu_build(context, gpus, build)
    if not build.arch_list:
        raise FactUnavailable(f"no list of architectures was found in {build.folder}/lib")
    packages = _packages_without_kernels(context, gpus)
    evidence = join_lines(
        [
            *(
                f"{gpu.name}: compute capability {gpu.capability} ({gpu.sm}), driver {gpu.driver}"
                for gpu in gpus.devices
            ),
            f"torch {build.version}: {' '.join(build.arch_list)}",
            *packages.values(),
        ]
    )
    lacking = [gpu for gpu in gpus.devices if runs_on(gpu, build.arch_list) is None]
    if lacking:
        return _torch_without_kernels(context, lacking, build, evidence)
    if packages:
        serious = (context.needed | set(TORCH_FAMILY)) & packages.keys()
        return Finding(
            ARCH_CHECK,
            CheckStatus.FAIL if serious else CheckStatus.WARN,
            f"torch has kernels for {gpu_names(gpus.devices)}, but {join_names(list(packages))} "
            "has none: its first kernel will fail with 'no kernel image'",
            ARCH_WHY,
            evidence,
            pip_command(context.facts, "install", "--upgrade", *packages),
            GUIDE,
        )
    usable = {short_name(gpu): runs_on(gpu, build.arch_list) for gpu in gpus.devices}
    return Finding(
        ARCH_CHECK,
        CheckStatus.OK,
        f"torch {_build_name(build)} has kernels for "
        + join_names([f"{name} ({arch})" for name, arch in usable.items()]),
        ARCH_WHY,
        evidence,
        source=GUIDE,
    )


def _torch_remedy(context: CheckContext) -> str:
    """What gives this machine a torch with kernels for its GPUs: a build, or a driver first."""
    if context.torch_choice.driver:
        return context.torch_choice.advice
    return repair_remedy(context.facts, torch_command(context, "--force-reinstall"))


def _torch_stages(context: CheckContext) -> tuple[int, ...]:
    """The stage that installs torch; none if no build works before the driver is another."""
    pin = context.stack.pin("torch")
    return (pin.stage,) if pin and not context.torch_choice.driver else ()


def _cpu_build(context: CheckContext, gpus: Gpus, build: TorchBuild) -> Finding:
    choice = context.torch_choice
    if choice.index == CPU:
        return Finding(
            ARCH_CHECK, CheckStatus.OK, f"torch {build.version} is a CPU build. {choice.reason}"
        )
    return Finding(
        ARCH_CHECK,
        CheckStatus.FAIL,
        f"torch {build.version} is a CPU build: {gpu_names(gpus.devices)} will not be used",
        "With it, torch.cuda.is_available() is False whatever the driver is.",
        join_lines([f"{build.folder}/version.py contains no CUDA version", choice.reason]),
        join_lines([_torch_remedy(context), _hide_afterwards(gpus, choice)]),
        choice.source or GUIDE,
        _torch_stages(context),
    )


def _hide_afterwards(gpus: Gpus, choice: TorchChoice) -> str:
    """What to type after the repair about the GPUs that the build doesn't serve; "" if none."""
    if choice.driver or not choice.hidden:
        return ""
    return f"Then hide {gpu_names(choice.hidden)}: {hide_command(gpus, choice.hidden)}"


def _torch_without_kernels(
    context: CheckContext, lacking: Sequence[Gpu], build: TorchBuild, evidence: str
) -> Finding:
    """Some GPUs have no kernels in torch: another build has, or none has and they are hidden."""
    choice, gpus = context.torch_choice, require(context.facts.gpus)
    gpu = lacking[0]
    summary = (
        f"{short_name(gpu)} is {gpu.sm}; torch {_build_name(build)} has "
        f"{arch_range(build.arch_list)}; the first kernel will fail with 'no kernel image'"
    )
    finding = Finding(
        ARCH_CHECK,
        CheckStatus.FAIL,
        summary,
        ARCH_WHY,
        join_lines([evidence, choice.reason]),
        _torch_remedy(context),
        choice.source or GUIDE,
        _torch_stages(context),
    )
    if not choice.hidden:
        return finding
    hide = hide_command(gpus, choice.hidden)
    if any(gpu not in choice.hidden for gpu in lacking):
        return replace(finding, remedy=f"{finding.remedy}\n{hide}")
    others = [gpu for gpu in gpus.devices if gpu not in choice.hidden]
    beside = f" has code for it and for {gpu_names(others)}" if others else " has code for it"
    return replace(
        finding,
        status=CheckStatus.WARN,
        summary=f"{summary}; no build of torch{beside}, so hide {gpu_names(choice.hidden)}",
        remedy=hide,
        stages=(),
    )


def _packages_without_kernels(context: CheckContext, gpus: Gpus) -> dict[str, str]:
    """Package -> evidence for packages whose own GPU code doesn't run on one of the GPUs.

    All files of a package count together, because single files may contain special kernels
    only. torch is judged by its own list; NVIDIA's libraries choose their kernels themselves.
    """
    by_package: dict[str, set[str]] = {}
    for kernels in require(context.facts.binaries).kernels:
        by_package.setdefault(kernels.package, set()).update(kernels.cubins + kernels.ptx)
    found: dict[str, str] = {}
    for package, archs in sorted(by_package.items()):
        if package == "torch" or package.startswith("nvidia-"):
            continue
        for gpu in gpus.devices:
            if runs_on(gpu, archs) is None:
                found[package] = f"{package}: {arch_range(archs)}, none runs on {gpu.sm}"
                break
    return found


def _build_name(build: TorchBuild) -> str:
    if "+" in build.version or not build.cuda:
        return build.version
    return f"{build.version}+cu{build.cuda.replace('.', '')}"


def torch_family(context: CheckContext) -> Finding:
    """torchvision and torchaudio were built for the installed torch and its CUDA."""
    facts, stack = context.facts, context.stack
    build = require(facts.torch)
    installed = [dist for dist in map(facts.installed, TORCH_FAMILY) if dist is not None]
    if not installed:
        return Finding(
            FAMILY_CHECK, CheckStatus.SKIP, "neither torchvision nor torchaudio is installed"
        )
    if build is None:
        return Finding(FAMILY_CHECK, CheckStatus.SKIP, "torch is not installed")
    problems = [problem for dist in installed for problem in _family_problems(context, dist, build)]
    why = (
        "They are compiled for one torch release. With another they fail with 'operator "
        "torchvision::nms does not exist' or 'different CUDA versions'."
    )
    source = "https://github.com/pytorch/pytorch/issues/157648"
    if not problems:
        versions = join_names([f"{dist.name} {dist.version}" for dist in installed])
        return Finding(
            FAMILY_CHECK,
            CheckStatus.OK,
            f"{versions} with torch {build.version}",
            why,
            source=source,
        )
    pin = stack.pin("torch")
    tag = build.version.partition("+")[2]
    index = stack.torch_index_of(tag) if tag else stack.torch_index
    names = " ".join(dist.name for dist in installed)
    command = f"{install_command(facts, [pin] if pin else [])} {names} --index-url {index}"
    return Finding(
        FAMILY_CHECK,
        CheckStatus.FAIL,
        problems[0],
        why,
        join_lines(problems),
        repair_remedy(facts, command),
        source,
        (pin.stage,) if pin else (),
    )


def _family_problems(context: CheckContext, dist: Distribution, build: TorchBuild) -> list[str]:
    public, _, tag = build.version.partition("+")
    problems = [
        f"{edge.who} requires torch{edge.requirement.spec}, but {public} is installed"
        for edge in context.graph.requirements_of(dist.name)
        if edge.requirement.name == "torch" and not edge.met_by(build.version)
    ]
    own_tag = (dist.version or "").partition("+")[2]
    if own_tag and tag and own_tag != tag:
        problems.append(f"{dist.name} {dist.version} is of build {own_tag}, torch of {tag}")
    return problems
