"""The Pythons that parakeet supports, and which of them are on this machine."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "scripts" / "find-pythons.sh"


def supported() -> list[str]:
    """The minor versions that the script looks for: "3.11" and so on."""
    line = re.search(r"^supported=\((.*?)\)$", SCRIPT.read_text(), re.MULTILINE)
    assert line
    return line[1].split()


@cache
def _found() -> dict[str, str]:
    done = subprocess.run(["bash", SCRIPT], capture_output=True, text=True, check=False)
    pairs = [line.split("\t") for line in done.stdout.splitlines()]
    return {version.rpartition(".")[0]: path for version, path in pairs}


def python(version: str) -> str:
    """The path of Python 3.x; the test is skipped, with the reason, where there is none."""
    path = _found().get(version)
    if path is None:
        pytest.skip(f"Python {version} is not on this machine")
    return path
