"""Says how to install a package into the Python that runs, as the distribution's metadata has it.

Names another project's packages only: one of ours, on an index, would be anybody's.
"""

from __future__ import annotations

import re
import shlex
import sys
from importlib.metadata import PackageNotFoundError, requires
from importlib.util import find_spec
from pathlib import Path
from shutil import which

_DISTRIBUTION = "parakeet-cli"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")


def install_command(*packages: str) -> str:
    """The command that installs these packages, within the bounds that our extras give them."""
    wanted = shlex.join(_requirement(package) for package in packages)
    python = shlex.quote(sys.executable)
    if find_spec("pip") is None and (uv := _uv()):  # an environment that uv made has no pip
        return f"{uv} pip install --python {python} {wanted}"
    return f"{python} -m pip install {wanted}"


def _uv() -> str | None:
    """The word that starts uv: from PATH, or else the one installed beside this Python."""
    if which("uv"):
        return "uv"
    beside = which("uv", path=str(Path(sys.executable).parent))
    return None if beside is None else shlex.quote(beside)


def _requirement(package: str) -> str:
    """The package with its bounds; its name alone where our metadata doesn't have it."""
    try:
        declared = requires(_DISTRIBUTION) or []
    except PackageNotFoundError:
        declared = []
    for line in declared:
        requirement = line.partition(";")[0].strip()
        name = _NAME.match(requirement)
        if name is not None and name[0].lower() == package:
            return requirement
    return package
