"""Collects all facts about one interpreter.

Nothing is imported or run in the interpreter, and a section that can't be read doesn't
affect the others.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from parakeet_cli.doctor.facts import Distribution, Facts, Interpreter, Unavailable
from parakeet_cli.doctor.inspect import host
from parakeet_cli.doctor.inspect.binaries import glibcxx_needed, scan_all
from parakeet_cli.doctor.inspect.container import read_container
from parakeet_cli.doctor.inspect.gpu import read_gpus
from parakeet_cli.doctor.inspect.hidden import read_hidden
from parakeet_cli.doctor.inspect.interpreter import find_interpreter, read_interpreter
from parakeet_cli.doctor.inspect.libraries import read_libraries, shadowing_libraries
from parakeet_cli.doctor.inspect.packages.conda import read_conda_records, with_conda_files
from parakeet_cli.doctor.inspect.packages.distributions import read_distributions
from parakeet_cli.doctor.inspect.scan_cache import ScanCache
from parakeet_cli.doctor.inspect.torch_build import read_torch_build
from parakeet_cli.doctor.stack.torch_builds import this_platform
from parakeet_cli.doctor.uv_command import ENSUREPIP, UV
from parakeet_cli.system.hardware import find_program

T = TypeVar("T")


# All have conda's `install --force-reinstall --prefix`.
CONDA_PROGRAMS = ("conda", "mamba", "micromamba")


def gather_facts(
    python: str,
    *,
    environment: Mapping[str, str] | None = None,
    root: Path = Path("/"),
    cache_folder: Path | None = None,
    mock: str | None = None,
    options: tuple[str, ...] = (),
    deep: bool = False,
) -> Facts:
    """Everything that can be read about the interpreter without running anything in it.

    With `deep` the content of the installed code is compared with RECORD's sums.
    Raises UsageError if there is no such interpreter.
    """
    env = dict(os.environ) if environment is None else dict(environment)
    target = read_interpreter(find_interpreter(python), env)
    installed = read_distributions(target.paths)
    # Before anything starts a thread: processes share this work.
    conda = _try_read(lambda: read_conda_records(target, deep=deep))
    distributions = tuple(installed.distributions)
    if not isinstance(conda, Unavailable):
        distributions, conda = with_conda_files(distributions, conda)
    cache = ScanCache(target.prefix, cache_folder)
    torch_dist = next((d for d in installed.distributions if d.name == "torch"), None)
    torch = _try_read(lambda: read_torch_build(target.paths, torch_dist, cache))
    compiled = _try_read(lambda: scan_all(installed.compiled, cache))
    needed = _try_read(lambda: glibcxx_needed(installed.compiled, cache))
    cache.save()
    return Facts(
        interpreter=target,
        distributions=_with_sums(distributions) if deep else distributions,
        leftovers=tuple(installed.leftovers),
        hidden=_try_read(lambda: read_hidden(target, installed.distributions, _working_folder())),
        unlisted=tuple(installed.unlisted),
        pkg_resources=installed.pkg_resources,
        torch=torch,
        binaries=compiled,
        gpus=_try_read(lambda: read_gpus(env, root)),
        container=_try_read(lambda: read_container(env, root)),
        conda=conda,
        conda_program=next((one for one in CONDA_PROGRAMS if find_program(one, env)), "conda"),
        libraries=_try_read(
            lambda: read_libraries(target, installed.distributions, needed, env, root)
        ),
        disks=_try_read(lambda: host.read_disks(target, env)),
        model_cache=_try_read(lambda: host.read_model_cache(env)),
        variables=host.read_variables(env),
        shadowing_libraries=shadowing_libraries(env),
        platform=this_platform(),
        mock=mock,
        options=options,
        pip=_pip_words(target, installed.distributions, env),
    )


def _with_sums(distributions: Sequence[Distribution]) -> tuple[Distribution, ...]:
    from parakeet_cli.doctor.inspect.packages.sums import compare_sums

    return compare_sums(distributions)


def _pip_words(
    target: Interpreter, distributions: Sequence[Distribution], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """How to run a pip on the interpreter: () for its own, which environments of uv lack."""
    if target.problem or any(dist.name == "pip" for dist in distributions):
        return ()
    if find_program("uv", environment):
        return UV
    if importlib.util.find_spec("pip") is not None:
        return (sys.executable, "-m", "pip", "--python", target.executable)
    return ENSUREPIP


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""  # it was removed, so nothing is imported from it


def _try_read(read: Callable[[], T]) -> T | Unavailable:
    """The section, or why it can't be read: one broken file must not hide the rest."""
    try:
        return read()
    except Exception as error:
        return Unavailable(f"{type(error).__name__}: {error}")
