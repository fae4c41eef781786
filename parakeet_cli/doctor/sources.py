"""Where packages come from: pip's own configuration, torch's index, a wheelhouse."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.facts import Facts, NotKnown
from parakeet_cli.doctor.pips import PipFailed
from parakeet_cli.doctor.stack import Stack
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
        gpu = not isinstance(gpus, NotKnown) and (gpus.present or gpus.nvidia_smi is not None)
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
    r"Max retries exceeded|ProxyError|SSLError|HTTP error|ConnectionError|NameResolutionError"
)


def refusal(error: PipFailed, where: Sources) -> Refused:
    """Nothing was touched: the network, or no version that all agree on."""
    if where.wheelhouse:
        return Refused(
            f"{where.wheelhouse} lacks something: {error.reason}. Nothing was touched.",
            hint="Fill it where there is a network: "
            f"parakeet doctor --dry-run --download --wheelhouse {shlex.quote(where.wheelhouse)}",
        )
    if any(UNREACHABLE.search(line) for line in error.said):
        return Refused(
            f"The package index can't be reached, and nothing was touched: {error.reason}",
            hint="With a network, or with --wheelhouse DIR, a folder of wheels filled elsewhere.",
        )
    return Refused(f"pip finds no way, and nothing was touched: {error.reason}")
