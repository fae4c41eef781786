"""Chooses torch's build for the GPUs, the driver and the platform of a machine.

`torch_builds.toml` has the facts: what each generation of GPUs needs, the oldest driver for
each CUDA, and the architectures in each published build, with a source for every row.
"""

from __future__ import annotations

import platform
import re
import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from parakeet_cli.doctor.facts import Facts, FactUnavailable, Gpus, require
from parakeet_cli.doctor.stack.requirement_strings import allows
from parakeet_cli.system.hardware import Gpu

ARCH = re.compile(r"(sm|compute)_(\d+)(\d)([af]?)$")
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
PATCHES = range(10)  # of a minor release: a bound may exclude some of them
CPU = "cpu"
NO_GPU = "There is no GPU, so torch's build for the CPU is enough."
ALL_HIDDEN = "CUDA_VISIBLE_DEVICES hides every GPU"


@dataclass(frozen=True, slots=True)
class Generation:
    """What the GPUs of some compute capabilities need. Drivers are series, such as 570."""

    capabilities: tuple[str, ...]
    name: str
    driver: int
    cuda: tuple[int, int]  # the first CUDA that compiles for them
    source: str
    last_driver: int | None = None
    integrated: bool = False


@dataclass(frozen=True, slots=True)
class PublishedBuild:
    """The builds of one index between two minor releases of torch."""

    index: str
    cuda: tuple[int, int]
    first: tuple[int, int]
    last: tuple[int, int] | None
    platforms: tuple[str, ...]
    archs: tuple[str, ...]
    source: str

    def allowed_by(self, spec: str) -> bool:
        """Whether the bounds allow one of its releases."""
        last = self.last or (self.first[0], self.first[1] + 30)
        return any(
            allows(spec, f"{self.first[0]}.{minor}.{patch}")
            for minor in range(self.first[1], last[1] + 1)
            for patch in PATCHES
        )


@dataclass(frozen=True, slots=True)
class TorchChoice:
    """The build of torch for a machine, and why.

    `index` is what `--torch-index` takes. If `driver` isn't empty, that series has to be
    installed before any build works, and `index` is the one that works then. `hidden` are
    the GPUs that this build has no kernels for. `bound` limits torch to older releases of
    the index ("<2.11"); empty for the newest one. `advice` says what to do about the driver.
    """

    index: str
    reason: str
    driver: str = ""
    advice: str = ""
    hidden: tuple[Gpu, ...] = ()
    bound: str = ""
    source: str = ""

    @property
    def uses_gpu(self) -> bool:
        """Whether a GPU can be used, perhaps with another driver."""
        return self.index != CPU


def this_platform() -> str:
    """This machine as the table of builds names it, such as "linux-x86_64"."""
    system = "windows" if sys.platform == "win32" else sys.platform
    machine = platform.machine().lower()
    return f"{system}-{MACHINES.get(machine, machine)}"


def choose_torch_build(
    gpus: Sequence[Gpu], driver: str, platform_name: str, spec: str = ""
) -> TorchChoice:
    """The build that these GPUs can use with this driver ("570.86.10").

    `spec` are the bounds of torch's version. Without a bound that allows an older release,
    pip installs the newest of an index, so a build that a newer one replaced comes last.
    """
    if not gpus:
        return TorchChoice(CPU, NO_GPU)
    candidates = tuple(
        build
        for build in published_builds()
        if platform_name in build.platforms and build.allowed_by(spec)
    )
    needs = _Needs(tuple(gpus), driver_series(driver), platform_name, candidates)
    known = [gpu for gpu in gpus if any(runs_on(gpu, build.archs) for build in candidates)]
    if not known:
        return _without_build(needs)
    # Cards that no build serves are left out; of the others, one build may serve all.
    full = [one for one in candidates if all(runs_on(gpu, one.archs) for gpu in known)]
    if not full:
        newest = max(known, key=lambda gpu: gpu.numbers)
        full = [one for one in candidates if runs_on(newest, one.archs)]
        most = max(len(_served(one, gpus)) for one in full)
        full = [one for one in full if len(_served(one, gpus)) == most]
    usable = [one for one in full if needs.driver_for(one) is None]
    # With an older driver, the build that is content with the least new one.
    best = min(usable, key=needs.preference) if usable else min(full, key=needs.driver_rank)
    return needs.choice(best)


def choose_for_facts(facts: Facts, spec: str) -> TorchChoice:
    """The build for the GPUs that the examined machine has and doesn't hide.

    Raises FactUnavailable if they, or the driver's version, can't be read.
    """
    gpus = require(facts.gpus)
    if gpus.hidden and not gpus.devices:
        return TorchChoice(CPU, ALL_HIDDEN)
    try:
        driver = gpus.devices[0].driver if gpus.devices else ""
        return choose_torch_build(gpus.devices, driver, facts.platform, spec)
    except ValueError as error:
        raise FactUnavailable(str(error)) from error


def hide_command(gpus: Gpus, hidden: Sequence[Gpu]) -> str:
    """The shell command that hides these GPUs from CUDA, and leaves the others visible."""
    indexes = gpus.indexes or tuple(range(len(gpus.devices)))
    left = [str(i) for i, gpu in zip(indexes, gpus.devices, strict=True) if gpu not in hidden]
    if not left:
        return "export CUDA_VISIBLE_DEVICES=-1"
    return f"export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES={','.join(sorted(left))}"


@dataclass(frozen=True, slots=True)
class _Needs:
    """The machine that a build is chosen for."""

    gpus: tuple[Gpu, ...]
    series: int
    platform_name: str
    candidates: tuple[PublishedBuild, ...]

    def driver_for(self, build: PublishedBuild) -> int | None:
        """The series that the served GPUs and the build need; None if this one will do."""
        served = [generation_of(gpu) for gpu in _served(build, self.gpus)]
        oldest = max(
            oldest_driver(build.cuda[0], self.platform_name),
            *(one.driver for one in served if one is not None),
        )
        newest = min(
            (one.last_driver for one in served if one is not None and one.last_driver),
            default=self.series,
        )
        if self.series < oldest:
            return oldest
        return newest if self.series > newest else None

    def preference(self, build: PublishedBuild) -> tuple[bool, bool]:
        """Smaller is better: what pip installs unbounded, whose CUDA knows every GPU."""
        served = [generation_of(gpu) for gpu in _served(build, self.gpus)]
        unknown = any(one is not None and one.cuda > build.cuda for one in served)
        return (bool(self._bound(build)), unknown)

    def driver_rank(self, build: PublishedBuild) -> tuple[int, tuple[bool, bool]]:
        return (self.driver_for(build) or 0, self.preference(build))

    def _bound(self, build: PublishedBuild) -> str:
        """What keeps pip from a newer release of the same index."""
        newer = any(one.index == build.index and one.first > build.first for one in self.candidates)
        return f"<{build.last[0]}.{build.last[1] + 1}" if newer and build.last else ""

    def choice(self, build: PublishedBuild) -> TorchChoice:
        """The build, with its reason."""
        served = _served(build, self.gpus)
        hidden = tuple(gpu for gpu in self.gpus if gpu not in served)
        bound = self._bound(build)
        cuda = f"{build.cuda[0]}.{build.cuda[1]}"
        archs = ", ".join(dict.fromkeys(str(runs_on(gpu, build.archs)) for gpu in served))
        sentences = [
            f"{build.index} (CUDA {cuda}{', torch' + bound if bound else ''}) has code that runs "
            f"on {gpu_names(served)} ({archs})."
        ]
        if hidden:
            sentences.append(f"No build has code for it and for {gpu_names(hidden)} too.")
        needed = self.driver_for(build)
        if needed is None:
            least = oldest_driver(build.cuda[0], self.platform_name)
            sentences.append(
                f"Driver {self.series} suits it: series {least} and newer run every CUDA "
                f"{build.cuda[0]}."
            )
        else:
            sentences = [self._driver_reason(needed, served), *sentences]
        return TorchChoice(
            build.index,
            " ".join(sentences),
            driver=str(needed or ""),
            advice=self._driver_advice(needed, served) if needed else "",
            hidden=hidden,
            bound=bound,
            source=build.source,
        )

    def _driver_reason(self, needed: int, served: Sequence[Gpu]) -> str:
        if needed < self.series:
            return (
                f"Driver {self.series} no longer supports {gpu_names(served)}: "
                f"series {needed} is the last that does."
            )
        return (
            f"Driver {self.series} is too old for {gpu_names(served)} with any build of torch: "
            f"series {needed} or newer is needed."
        )

    def _driver_advice(self, needed: int, served: Sequence[Gpu]) -> str:
        if needed < self.series:
            return (
                f"Install the NVIDIA driver of series {needed}, the last that supports "
                f"{gpu_names(served)}, then restart."
            )
        return f"Install an NVIDIA driver of series {needed} or newer, then restart."


def _without_build(needs: _Needs) -> TorchChoice:
    """The CPU's build, where no published one has code for any of the GPUs."""
    generations = [generation_of(gpu) for gpu in needs.gpus]
    names = gpu_names(needs.gpus)
    known = [one for one in generations if one is not None]
    advice = "use the CPU's build."
    if any(one.integrated for one in known):
        advice = "NVIDIA publishes torch for Jetsons itself; from here, use the CPU's build."
    elif not known:
        advice = "a newer torch may have; from what the stack allows, use the CPU's build."
    sms = ", ".join(dict.fromkeys(gpu.sm for gpu in needs.gpus))
    return TorchChoice(
        CPU,
        f"No published build of torch for {needs.platform_name} has code for {names} ({sms}): "
        f"{advice}",
        hidden=needs.gpus,
        source=known[0].source if known else "",
    )


def _served(build: PublishedBuild, gpus: Iterable[Gpu]) -> list[Gpu]:
    return [gpu for gpu in gpus if runs_on(gpu, build.archs)]


# What runs where


def runs_on(gpu: Gpu, archs: Iterable[str]) -> str | None:
    """Which of the architectures the GPU can run, or None.

    A cubin (sm_XY) runs on its own major version at the same or a higher minor one, one
    for sm_XYa on exactly that; PTX (compute_XY) is compiled for any newer GPU. A Jetson's
    own GPU runs only cubins for exactly it.
    """
    capability = gpu.numbers
    generation = generation_of(gpu)
    exact = generation is not None and generation.integrated
    by_ptx: str | None = None
    for arch in archs:
        match = ARCH.match(arch)
        if match is None or not _fits(match, capability, exact):
            continue
        if match[1] == "sm":
            return arch
        by_ptx = arch
    return by_ptx


def _fits(arch: re.Match[str], capability: tuple[int, int], exact: bool) -> bool:
    kind, suffix = arch[1], arch[4]
    built_for = (int(arch[2]), int(arch[3]))
    if suffix == "a" or (exact and kind == "sm"):
        return built_for == capability
    if kind == "sm" or suffix == "f":
        return built_for[0] == capability[0] and built_for[1] <= capability[1]
    return built_for <= capability


def driver_series(driver: str) -> int:
    """570 of "570.86.10". Raises ValueError if it isn't a version."""
    head = driver.split(".")[0]
    if not head.isdigit():
        raise ValueError(f"the driver's version {driver!r} can't be read")
    return int(head)


def oldest_driver(cuda_major: int, platform_name: str) -> int:
    """The oldest series that runs every release of this CUDA; 0 if it isn't known."""
    system = "windows" if platform_name.startswith("windows") else "linux"
    return int(_data()["driver_of"].get(str(cuda_major), {}).get(system, 0))


def generation_of(gpu: Gpu) -> Generation | None:
    """The generation of the GPU, or None if its compute capability isn't known."""
    return next((one for one in generations() if gpu.capability in one.capabilities), None)


def gpu_names(gpus: Iterable[Gpu]) -> str:
    """The cards' names as people say them, "RTX 5090 and H100 80GB HBM3"."""
    names = list(dict.fromkeys(map(short_name, gpus)))
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def short_name(gpu: Gpu) -> str:
    return gpu.name.removeprefix("NVIDIA ").removeprefix("GeForce ")


def _numbers(version: str) -> tuple[int, int]:
    major, _, minor = version.partition(".")
    return int(major), int(minor)


# The table


@cache
def generations() -> tuple[Generation, ...]:
    """Every generation, the oldest first."""
    return tuple(
        Generation(
            capabilities=tuple(row["capabilities"]),
            name=row["name"],
            driver=int(row["driver"]),
            cuda=_numbers(row["cuda"]),
            source=row["source"],
            last_driver=int(row["last_driver"]) if "last_driver" in row else None,
            integrated=row.get("integrated", False),
        )
        for row in _data()["generation"]
    )


@cache
def published_builds() -> tuple[PublishedBuild, ...]:
    """Every build, those that are preferred first."""
    return tuple(
        PublishedBuild(
            index=row["index"],
            cuda=_numbers(row["cuda"]),
            first=_numbers(row["first"]),
            last=_numbers(row["last"]) if "last" in row else None,
            platforms=tuple(row["platforms"]),
            archs=tuple(row["archs"]),
            source=row["source"],
        )
        for row in _data()["build"]
    )


@cache
def _data() -> dict[str, Any]:
    table = tomllib.loads((Path(__file__).parent / "torch_builds.toml").read_text("utf-8"))
    return {**table, "driver_of": {row["cuda"]: row for row in table["driver"]}}
