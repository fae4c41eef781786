"""Runs the `parakeet` command in a process of its own, as a user starts it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from typer.main import get_command

from parakeet_cli.cli.app import app

ROOT = Path(__file__).parent.parent.parent
COMMAND = Path(sys.executable).parent / "parakeet"

# Under a CI's variables Typer colours help even where NO_COLOR is set.
PLAIN = {"COLUMNS": "80", "_TYPER_FORCE_DISABLE_TERMINAL": "1", "NO_COLOR": "1", "TERM": "dumb"}


def run_python(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """This interpreter with the checkout's package; output is decoded as UTF-8."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, **PLAIN, **(env or {})},
        stdin=subprocess.DEVNULL,
    )


def parakeet(
    *arguments: str, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    return run_python(str(COMMAND), *arguments, env=env, cwd=cwd)


@cache
def commands() -> dict[tuple[str, ...], Any]:
    """Every command by its words, `("config", "show")`; () is `parakeet` itself."""
    return dict(_walk((), get_command(app)))


def _walk(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, child in getattr(command, "commands", {}).items():
        if not child.hidden:
            yield from _walk((*words, name), child)
