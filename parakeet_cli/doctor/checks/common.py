"""Helpers of the checks: their context, the commands of remedies, and lists in words."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.facts import (
    CondaRecord,
    Distribution,
    Facts,
    FactUnavailable,
    Unavailable,
)
from parakeet_cli.doctor.findings import Finding
from parakeet_cli.doctor.stack.requirement_graph import Edge, RequirementGraph, smallest_conflict
from parakeet_cli.doctor.stack.requirement_strings import allows
from parakeet_cli.doctor.stack.stack import TORCH_FAMILY, Pin, Stack
from parakeet_cli.doctor.stack.torch_builds import TorchChoice, choose_for_facts


@dataclass(frozen=True)  # without slots, because cached_property needs the instance's __dict__
class CheckContext:
    """The input of every check. The graph is made once for all checks of a run."""

    facts: Facts
    stack: Stack

    @cached_property
    def graph(self) -> RequirementGraph:
        return RequirementGraph(self.facts)

    @cached_property
    def needed(self) -> frozenset[str]:
        """The distributions that the stack needs, directly or not."""
        return self.graph.needed(self.stack)

    @cached_property
    def torch_choice(self) -> TorchChoice:
        """The build of torch that suits the GPUs. Raises FactUnavailable if they are unknown."""
        pin = self.stack.pin("torch")
        return choose_for_facts(self.facts, pin.spec if pin else "")


NEW_ENVIRONMENT = "python3.11 -m venv parakeet-ml"
REPAIR_THERE = "parakeet doctor --fix --python parakeet-ml"


def is_unsupported(facts: Facts, stack: Stack) -> bool:
    """Whether this Python starts, and its version is known to be none of the stack's."""
    target = facts.interpreter
    return not target.problem and bool(target.version) and not allows(stack.python, target.version)


class OtherEnvironment(NamedTuple):
    """An environment that the shell has activated, and isn't the one examined."""

    path: str

    def __str__(self) -> str:
        return "this shell has activated another environment than the one examined here"

    @property
    def remedy(self) -> str:
        """What to type to have it examined."""
        return f"To examine that one: {shlex.join(['parakeet', 'doctor', '--python', self.path])}"


def activated_elsewhere(facts: Facts) -> OtherEnvironment | None:
    """The conda environment that the shell has activated, if nobody named the one examined here.

    None if it is that one, or a virtual environment was made of it or activated within it. conda's
    base, which is active in every shell of many machines, doesn't count.
    """
    active, target = facts.variables.get("CONDA_PREFIX", ""), facts.interpreter
    named = "--python" in facts.options or target.executable != sys.executable
    if not active or named or (Path(active) / "condabin").is_dir():
        return None
    # A virtual environment may be made from a conda environment, or be activated within one.
    own = [target.prefix, target.base_prefix]
    virtual = facts.variables.get("VIRTUAL_ENV", "")
    if virtual and os.path.realpath(virtual) == os.path.realpath(target.prefix):
        return None
    return (
        None
        if os.path.realpath(active) in map(os.path.realpath, own)
        else (OtherEnvironment(active))
    )


CheckFunction = Callable[[CheckContext], Finding]


def pip_command(facts: Facts, *arguments: str) -> str:
    """A pip command that works for the examined interpreter, quoted for a shell."""
    return facts.pip_command(*arguments)


def install_command(facts: Facts, pins: Iterable[Pin], *flags: str) -> str:
    """The pip command that installs these pins."""
    return pip_command(facts, "install", *flags, *(pin.requirement.text for pin in pins))


def torch_command(context: CheckContext, *flags: str) -> str:
    """The pip command that installs the stack's torch, from the index that suits the GPUs."""
    stack, pin = context.stack, context.stack.pin("torch")
    text = pin.requirement.text if pin else "torch"
    index = stack.torch_index
    with suppress(FactUnavailable):  # the GPUs aren't known: the stack's own index
        choice = context.torch_choice
        index = stack.torch_index_of(choice.index)
        text += f",{choice.bound}" if choice.bound else ""
    return pip_command(context.facts, "install", *flags, text, "--index-url", index)


def reinstall_commands(
    facts: Facts, stack: Stack, names: Sequence[str], *flags: str
) -> Iterator[str]:
    """The pip commands that install these again: in their own version where the stack allows it.

    torch and its family come from the index of the build that is installed, which another
    index doesn't have.
    """
    family = [name for name in names if name == "torch" or name in TORCH_FAMILY]
    others = [name for name in names if name not in family]
    if family:
        build = facts.installed("torch") or facts.installed(family[0])
        tag = (build.version or "").partition("+")[2] if build else ""
        index = ["--index-url", stack.torch_index_of(tag)] if tag else []
        texts = [_same_version(facts, stack, name) for name in family]
        yield pip_command(facts, "install", *flags, *texts, *index)
    if others:
        texts = [_same_version(facts, stack, name) for name in others]
        yield pip_command(facts, "install", *flags, *texts)


def conda_against_pip(facts: Facts) -> Iterator[tuple[str, CondaRecord, Distribution]]:
    """Distributions that conda installed and pip has replaced by another release since.

    Each by its name, with conda's record of it and what an import finds.
    """
    for record in () if isinstance(facts.conda, Unavailable) else facts.conda:
        for name, version in record.distributions:
            dist = facts.installed(name)
            if dist and dist.version and not _is_same_version(dist.version, version):
                yield name, record, dist


def _is_same_version(one: str, other: str) -> bool:
    try:
        return Version(one).public == Version(other).public
    except InvalidVersion:
        return one == other


def conda_removal(facts: Facts, names: Iterable[str]) -> str:
    """The command that has conda forget its packages, and remove their files, those alone."""
    words = [facts.conda_program, "remove", "--force", "--yes"]
    return shlex.join([*words, "--prefix", facts.interpreter.prefix, *names])


def conda_commands(facts: Facts, records: Sequence[CondaRecord]) -> Iterator[str]:
    """What installs conda's packages again, by itself: pip has none of them.

    conda links files from its cache, so a file that was written into is damaged there, too. Without
    the unpacked folder conda unpacks the package again.
    """
    if records:
        caches = [record.cache for record in records if record.cache]
        remove = [shlex.join(["rm", "-rf", *caches])] if caches else []
        pins = [f"{record.name}={record.version}" for record in records]
        prefix = facts.interpreter.prefix
        install = [facts.conda_program, "install", "--yes", "--force-reinstall"]
        install += ["--prefix", prefix, *pins]
        yield " && ".join([*remove, shlex.join(install)])


def _same_version(facts: Facts, stack: Stack, name: str) -> str:
    """The one installed release, if there is just one that the stack allows; else the pin."""
    versions = {dist.version for dist in facts.distributions if dist.name == name}
    version = versions.pop() if len(versions) == 1 else None
    pin = stack.pin(name)
    if version and (pin is None or pin.allows(version)):
        return f"{name}=={version}"
    return pin.requirement.text if pin else name


def repair_remedy(facts: Facts, *by_hand: str) -> str:
    """The doctor's repair first, then the commands to do the same by hand."""
    return "\n".join([facts.repair_command, *(f"by hand: {command}" for command in by_hand)])


def require_listings(facts: Facts) -> None:
    """Raises FactUnavailable if a site folder can't be listed: what is in it isn't known."""
    if facts.unlisted:
        raise FactUnavailable(f"a site folder can't be listed: {facts.unlisted[0]}")


def requirement_texts(names: Iterable[str], stack: Stack) -> list[str]:
    """Each distribution as pip installs it: the stack's pin, or the name if it isn't pinned."""
    return [pin.requirement.text if (pin := stack.pin(name)) else name for name in names]


def join_names(items: Sequence[str], most: int = 6) -> str:
    """ "a, b and c", or the first few and the number of others."""
    if len(items) > most:
        return f"{', '.join(items[:most])} and {len(items) - most} more"
    if len(items) > 1:
        return f"{', '.join(items[:-1])} and {items[-1]}"
    return "".join(items)


def count(number: int, word: str, plural: str = "") -> str:
    """The number and the word in its form, "1 file" or "2 files"."""
    return f"{number} {word if number == 1 else plural or word + 's'}"


def bounded_name(pin: Pin) -> str:
    """The name with its bounds, or the name alone if every version is allowed."""
    return f"{pin.name}{pin.spec}"


def requirer_lines(edges: Iterable[Edge], version: str | None) -> list[str]:
    """A line for each edge: who requires what, and whether the installed version meets it."""
    lines = []
    for edge in edges:
        extra = f" [{edge.extra}]" if edge.extra else ""
        met = "met" if edge.met_by(version) else "NOT met"
        requirement = f"{edge.requirement.name}{edge.requirement.spec}"
        lines.append(f"{edge.who}{extra} requires {requirement}: {met}")
    return lines


def conflict_line(name: str, pin: Pin | None, edges: Iterable[Edge]) -> str:
    """Which bounds contradict each other; empty if one version can meet them all."""
    bounds = [(edge.who, edge.requirement.spec) for edge in edges]
    if pin is not None:
        bounds.insert(0, ("the stack", pin.spec))
    conflict = smallest_conflict(bounds)
    if not conflict:
        return ""
    sides = " against ".join(f"{name}{spec} ({who})" for who, spec in conflict)
    return f"no version of {name} meets all requirements: {sides}"
