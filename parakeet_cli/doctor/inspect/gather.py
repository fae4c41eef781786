"""One interpreter -> its Facts. The only place that reads; nothing is imported or run
in the target, and a section that can't be read never takes the others with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from parakeet_cli.doctor.facts import Facts, Unavailable
from parakeet_cli.doctor.inspect import (
    binaries,
    distributions,
    interpreter,
    libraries,
    machine,
    torch_build,
)
from parakeet_cli.doctor.inspect import gpu as gpus
from parakeet_cli.doctor.inspect.scan_cache import ScanCache

T = TypeVar("T")


def gather(
    python: str,
    *,
    environment: Mapping[str, str] | None = None,
    root: Path = Path("/"),
    cache_folder: Path | None = None,
    mock: str | None = None,
    options: tuple[str, ...] = (),
) -> Facts:
    """Everything that is known of the interpreter without running anything in it.

    Raises UsageError where there is no interpreter to look at.
    """
    env = dict(os.environ) if environment is None else dict(environment)
    executable = interpreter.locate(python)
    target = interpreter.read(executable, env)
    installed = distributions.read(target.paths)
    cache = ScanCache(target.prefix, cache_folder)
    torch_dist = next((d for d in installed.distributions if d.name == "torch"), None)
    torch = _section(lambda: torch_build.read(target.paths, torch_dist, cache))
    compiled = _section(lambda: binaries.scan_all(installed.compiled, cache))
    needed = _section(lambda: binaries.glibcxx_needed(installed.compiled, cache))
    cache.save()
    return Facts(
        interpreter=target,
        distributions=tuple(installed.distributions),
        leftovers=tuple(installed.leftovers),
        unlisted=tuple(installed.unlisted),
        pkg_resources=installed.pkg_resources,
        torch=torch,
        binaries=compiled,
        gpus=_section(lambda: gpus.read(env, root)),
        conda=_section(lambda: machine.conda_records(target)),
        libraries=_section(
            lambda: libraries.read(target, installed.distributions, needed, env, root)
        ),
        disks=_section(lambda: machine.disks(target, env)),
        model_cache=_section(lambda: machine.model_cache(env)),
        environment=machine.variables(env),
        lib_folders=libraries.shadowing(env),
        mock=mock,
        options=options,
    )


def _section(read: Callable[[], T]) -> T | Unavailable:
    """The section, or why it could not be read: one broken file must not hide the rest."""
    try:
        return read()
    except Exception as error:
        return Unavailable(f"{type(error).__name__}: {error}")
