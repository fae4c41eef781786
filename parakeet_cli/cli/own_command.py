"""Says how this installation of parakeet is called from a shell.

Another environment's `parakeet` may come first on PATH, and would examine and repair that
environment; then, and where none is on PATH, this Python runs the package as a module.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from shutil import which

NAME = "parakeet"


def own_command() -> str:
    """`parakeet` where PATH leads to this installation, else `PYTHON -m parakeet_cli`."""
    found = which(NAME)
    if found is not None and _is_ours(Path(found)):
        return NAME
    return f"{shlex.quote(sys.executable)} -m parakeet_cli"


def _is_ours(found: Path) -> bool:
    """Whether it lies beside the Python that runs, or is the file that was started."""
    file = found.resolve()
    beside = Path(sys.executable).parent.resolve()
    return file.parent == beside or (bool(sys.argv[0]) and file == Path(sys.argv[0]).resolve())
