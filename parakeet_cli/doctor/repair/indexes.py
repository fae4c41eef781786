"""Chooses where packages come from: pip's own configuration, torch's index, a wheelhouse."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from pathlib import Path

from parakeet_cli.doctor.facts import Facts, FactUnavailable, Unavailable
from parakeet_cli.doctor.repair.pip import PipFailed
from parakeet_cli.doctor.stack.requirement_strings import allows, parse_requirement, specifiers
from parakeet_cli.doctor.stack.stack import Stack
from parakeet_cli.doctor.stack.torch_builds import CPU, choose_for_facts
from parakeet_cli.errors import Refused, UsageError

TORCH = "torch"
SHORT_INDEX = re.compile(r"(nightly/|test/)?(cu\d+|cpu|rocm[\d.]+)$")


@dataclass(frozen=True, slots=True)
class PackageSources:
    """Where packages come from. Without a `torch_index`, torch comes from where all others do."""

    torch_index: str | None = None
    wheelhouse: str | None = None
    torch_bound: str = ""  # such as "<2.11", where only older releases of the index suit the GPUs

    @property
    def nightly(self) -> bool:
        return "/nightly/" in (self.torch_index or "") or "/test/" in (self.torch_index or "")

    @property
    def arguments(self) -> tuple[str, ...]:
        """pip's options for a run that may install anything."""
        if self.wheelhouse:
            return ("--no-index", "--find-links", self.wheelhouse)
        return ("--extra-index-url", self.torch_index) if self.torch_index else ()


def choose_sources(
    facts: Facts, stack: Stack, named: str | None, wheelhouse: str | None
) -> PackageSources:
    """The named index, or the one that suits this machine's GPUs and driver.

    Raises UsageError for a name that isn't an index, a URL or a folder.
    """
    if wheelhouse is not None:
        folder = Path(wheelhouse).expanduser()
        return PackageSources(None, os.path.abspath(folder))
    return _for_this_machine(facts, stack) if named is None else named_sources(stack, named)


def named_sources(stack: Stack, named: str) -> PackageSources:
    """The index of that name for torch. Raises UsageError if it is no name, URL or folder."""
    if named == "default":
        return PackageSources(None)
    if SHORT_INDEX.fullmatch(named):
        return PackageSources(stack.torch_index_of(named))
    if "://" in named:
        return PackageSources(named)
    if Path(named).expanduser().is_dir():
        return PackageSources(Path(named).expanduser().resolve().as_uri())
    raise UsageError(
        f"There is no index {named} for torch.",
        hint="Use cu126, cu128, cu130, nightly/cu128, cpu, default (pip's own) or a URL.",
    )


def _for_this_machine(facts: Facts, stack: Stack) -> PackageSources:
    gpus, pin = facts.gpus, stack.pin(TORCH)
    if isinstance(gpus, Unavailable) or gpus.nvidia_smi is None:
        return PackageSources(stack.torch_index_of(CPU))
    if not gpus.present and not gpus.hidden:
        return PackageSources(stack.torch_index)  # nvidia-smi lists none yet: see cuda-driver
    try:
        choice = choose_for_facts(facts, pin.spec if pin else "")
    except FactUnavailable:
        return PackageSources(stack.torch_index)
    return PackageSources(stack.torch_index_of(choice.index), torch_bound=choice.bound)


UNREACHABLE = re.compile(
    r"Temporary failure in name resolution|Name or service not known|NewConnectionError|"
    r"Connection (?:refused|reset|aborted)|Network is unreachable|ConnectTimeout|ReadTimeout|"
    r"Max retries exceeded|ProxyError|SSLError|HTTP error|ConnectionError|NameResolutionError|"
    r"incomplete-download"
)
UNREADABLE = "Configuration file could not be loaded"
NO_FILE = re.compile(r"No matching distribution found for ([\w.-]+)")
# Below this line pip lists, indented, what it found no file of. It calls that a conflict.
NO_FILE_HEADING = "have no matching distributions available"
# An older pip lists nothing there. If nobody but the user asked for a package, and one version can
# be all that was asked for, then it is no conflict either.
CAUSES_HEADING = "The conflict is caused by:"
ASKED_FOR = re.compile(r"The user requested (?:\(constraint\) )?(.+)")
WITHOUT_NETWORK = "use --wheelhouse DIR, a folder of wheels that was filled elsewhere."
TORCH_INDEX = "torch was looked for on {}. To look on pip's own index: --torch-index default."


def refusal(error: PipFailed, sources: PackageSources) -> Refused:
    """What pip's failure means: no network, no such file, or no version that all allow."""
    if any(line.startswith(UNREADABLE) for line in error.output):
        reason = " ".join(line.strip() for line in error.output if not line.startswith(UNREADABLE))
        return Refused(
            f"pip's configuration can't be read, so nothing was changed: {reason}",
            hint="Correct or remove the file that it names.",
        )
    missing = _missing(error.output)
    if sources.wheelhouse:
        lacks = ", ".join(missing) or f"something: {error.reason}"
        return Refused(
            f"{sources.wheelhouse} lacks {lacks.rstrip('.')}. Nothing was changed.",
            hint="Fill it where there is a network: "
            f"parakeet doctor --dry-run --download --wheelhouse {shlex.quote(sources.wheelhouse)}",
        )
    index = sources.torch_index
    torch_hint = f"\n  {TORCH_INDEX.format(index)}" if index else ""
    if any(UNREACHABLE.search(line) for line in error.output):
        reason = f"no file of {', '.join(missing)}" if missing else error.reason
        return Refused(
            f"The package index can't be reached, so nothing was changed: {reason}",
            hint=f"Connect to a network, or {WITHOUT_NETWORK}{torch_hint}",
        )
    if missing:
        return Refused(
            f"pip finds no suitable file of {', '.join(missing)}, so nothing was changed.",
            hint="To see where it looks: pip config list. "
            f"Without a network, {WITHOUT_NETWORK}{torch_hint}",
        )
    return Refused(f"pip finds no solution, so nothing was changed: {error.reason}")


def _missing(output: Sequence[str]) -> list[str]:
    """The packages that pip says it found no file of."""
    names: list[str] = []
    in_list = False
    for line in output:
        if in_list and line.startswith(" "):
            names.append(line.strip())
        in_list = NO_FILE_HEADING in line or (in_list and line.startswith(" "))
        if found := NO_FILE.search(line):
            names.append(found[1])
    return list(dict.fromkeys(names)) or _asked_for_without_conflict(output)


def _asked_for_without_conflict(output: Sequence[str]) -> list[str]:
    """The package of a conflict that is none, according to its causes."""
    lines = [line.strip() for line in output]
    if CAUSES_HEADING not in lines:
        return []
    after = lines[lines.index(CAUSES_HEADING) + 1 :]
    causes = list(takewhile(bool, dropwhile(lambda line: not line, after)))
    asked = (found[1].replace(" and ", ",") for found in map(ASKED_FOR.match, causes) if found)
    wanted = [one for one in map(parse_requirement, asked) if one is not None]
    names = {one.name for one in wanted}
    if len(wanted) < len(causes) or len(names) != 1:
        return []
    together = ",".join(one.spec for one in wanted if one.spec)
    named = [part.version for part in specifiers(together) or ()]
    return list(names) if any(allows(together, version) for version in named) else []
