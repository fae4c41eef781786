"""Refuses a repair that can't begin or must not: by its options, environment or lock."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parakeet_cli.doctor.facts import Interpreter
from parakeet_cli.doctor.repair.request import RepairRequest
from parakeet_cli.doctor.repair.rollback.journal import environment_lock
from parakeet_cli.doctor.repair.rollback.validate import JournalRefused
from parakeet_cli.errors import Refused, UsageError
from parakeet_cli.system.locks import LockHeld

_NEW = "python3 -m venv parakeet-ml, then: parakeet doctor --fix --python parakeet-ml/bin/python"
_NEW_CONDA = "conda create -n parakeet python=3.11"


def check_options(request: RepairRequest) -> None:
    """Raises UsageError if options don't go together, or the wheelhouse isn't a folder."""
    house = request.wheelhouse
    if request.download and not (house and request.dry_run):
        raise UsageError(
            "--download fills a wheelhouse and changes nothing else.",
            hint="parakeet doctor --dry-run --download --wheelhouse DIR",
        )
    if house and not request.download and not Path(house).expanduser().is_dir():
        raise UsageError(
            f"There is no folder {house}.",
            hint=f"Fill it where there is a network: parakeet doctor --dry-run --download "
            f"--wheelhouse {house}",
        )


def check_system() -> None:
    """Raises Refused where a repair couldn't be undone: on Windows."""
    if os.open not in os.supports_dir_fd:
        raise Refused(
            "On Windows parakeet examines environments and changes none: what a repair needs to "
            "put everything back isn't there. Nothing was changed.",
            hint="See what to do, and do it by hand: parakeet doctor. In WSL it repairs, too.",
        )


def check_environment(target: Interpreter) -> None:
    """Only a virtual or named conda environment that starts and can be written. Raises Refused."""
    if target.problem:
        raise Refused(
            f"{target.executable} can't start: {target.problem}. Nothing was changed.",
            hint=f"Give it a Python again: {target.revival}"
            if target.revival
            else f"Make a new environment: {_NEW}",
        )
    if target.kind not in ("venv", "conda"):
        conda = target.kind == "conda-base"
        what = "conda's base environment" if conda else "a base Python"
        raise Refused(
            f"{target.executable} is {what}; other programs depend on it. Nothing was changed.",
            hint=f"Repair an environment of its own: {_NEW_CONDA if conda else _NEW}",
        )
    for folder in (target.prefix, target.site_packages):
        if not os.access(folder, os.W_OK):
            raise Refused(
                f"{folder} can't be written. Nothing was changed.",
                hint="Run this as the user it belongs to, or make an environment of your own.",
            )


@contextmanager
def locked(prefix: str) -> Iterator[int]:
    """Lock the environment; returns the descriptor, which pip inherits. Raises Refused."""
    try:
        with environment_lock(prefix) as descriptor:
            yield descriptor
    except LockHeld:
        raise Refused(
            f"Another repair of {prefix} is under way. Nothing was changed.",
            hint="Wait until it has ended.",
        ) from None


@contextmanager
def refused_journals() -> Iterator[None]:
    """A journal that isn't what a repair leaves is a refusal. Raises Refused."""
    try:
        yield
    except JournalRefused as error:
        raise Refused(str(error), hint=error.hint) from error


@contextmanager
def refused_on_ctrl_c() -> Iterator[None]:
    """Ctrl-C before anything has begun is a refusal. Raises Refused."""
    try:
        yield
    except KeyboardInterrupt:
        raise Refused("Interrupted. Nothing was changed.") from None
