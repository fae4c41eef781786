"""Where packages come from: pip's own configuration, torch's index, a wheelhouse."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.facts import Facts, Unavailable
from parakeet_cli.doctor.repair.pip import PipFailed
from parakeet_cli.doctor.stack.stack import Stack
from parakeet_cli.errors import Refused, UsageError

SHORT_INDEX = re.compile(r"(nightly/|test/)?(cu\d+|cpu|rocm[\d.]+)$")


@dataclass(frozen=True, slots=True)
class Sources:
    """Where packages come from. `torch_index` None: from the same place as all others."""

    torch_index: str | None = None
    wheelhouse: str | None = None

    @property
    def nightly(self) -> bool:
        return "/nightly/" in (self.torch_index or "") or "/test/" in (self.torch_index or "")

    @property
    def arguments(self) -> tuple[str, ...]:
        """For runs that take everything but torch's own index."""
        if self.wheelhouse:
            return ("--no-index", "--find-links", self.wheelhouse)
        return ("--extra-index-url", self.torch_index) if self.torch_index else ()


def sources(facts: Facts, stack: Stack, named: str | None, wheelhouse: str | None) -> Sources:
    """The named index, or the one for this machine: CUDA with a GPU, else the CPU builds.

    Raises UsageError for an index or a folder that means nothing.
    """
    if wheelhouse is not None:
        folder = Path(wheelhouse).expanduser()
        return Sources(None, os.path.abspath(folder))
    if named is None:
        gpus = facts.gpus
        gpu = not isinstance(gpus, Unavailable) and (gpus.present or gpus.nvidia_smi is not None)
        return Sources(stack.torch_index if gpu else stack.torch_index_of("cpu"))
    if named == "default":
        return Sources(None)
    if SHORT_INDEX.fullmatch(named):
        return Sources(stack.torch_index_of(named))
    if "://" in named:
        return Sources(named)
    if Path(named).expanduser().is_dir():
        return Sources(Path(named).expanduser().resolve().as_uri())
    raise UsageError(
        f"There is no index {named} for torch.",
        hint="Take cu128, cu130, nightly/cu128, cpu, default (pip's own) or a URL.",
    )


UNREACHABLE = re.compile(
    r"Temporary failure in name resolution|Name or service not known|NewConnectionError|"
    r"Connection (?:refused|reset|aborted)|Network is unreachable|ConnectTimeout|ReadTimeout|"
    r"Max retries exceeded|ProxyError|SSLError|HTTP error|ConnectionError|NameResolutionError|"
    r"incomplete-download"
)
NOWHERE = re.compile(r"No matching distribution found for ([\w.-]+)")
# Under this line pip names, indented, what it found no file of. It calls that a conflict.
NOWHERE_AMONG = "have no matching distributions available"
WITHOUT_A_NETWORK = "with --wheelhouse DIR, a folder of wheels filled elsewhere."
TORCHS_OWN = "torch was looked for on {}. On pip's own index: --torch-index default."


def refusal(error: PipFailed, where: Sources) -> Refused:
    """Nothing was touched: the network, or no version that all agree on."""
    nowhere = _nowhere(error.said)
    if where.wheelhouse:
        lacks = ", ".join(nowhere) or f"something: {error.reason}"
        return Refused(
            f"{where.wheelhouse} lacks {lacks.rstrip('.')}. Nothing was touched.",
            hint="Fill it where there is a network: "
            f"parakeet doctor --dry-run --download --wheelhouse {shlex.quote(where.wheelhouse)}",
        )
    index = where.torch_index
    torchs_own = f"\n  {TORCHS_OWN.format(index)}" if index else ""
    if any(UNREACHABLE.search(line) for line in error.said):
        reason = f"no file of {', '.join(nowhere)}" if nowhere else error.reason
        return Refused(
            f"The package index can't be reached, and nothing was touched: {reason}",
            hint=f"With a network, or {WITHOUT_A_NETWORK}{torchs_own}",
        )
    if nowhere:
        return Refused(
            f"pip finds no file of {', '.join(nowhere)} that will do, and nothing was touched.",
            hint="Where it looks: pip config list. "
            f"Without a network: {WITHOUT_A_NETWORK}{torchs_own}",
        )
    return Refused(f"pip finds no way, and nothing was touched: {error.reason}")


def _nowhere(said: Sequence[str]) -> list[str]:
    """The packages that pip found no file of, by its own words."""
    names: list[str] = []
    among = False
    for line in said:
        if among and line.startswith(" "):
            names.append(line.strip())
        among = NOWHERE_AMONG in line or (among and line.startswith(" "))
        if found := NOWHERE.search(line):
            names.append(found[1])
    return list(dict.fromkeys(names))
