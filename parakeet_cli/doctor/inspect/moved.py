"""Finds out where an environment was made, if that isn't where it lies, and where its packages are.

`bin/activate` and the first line of each script in `bin` name the environment's place. One
that was moved, copied or renamed still imports what is installed, but its commands run, install
and activate what is in the first place, or nothing if that is gone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from parakeet_cli.system.regular_files import open_regular

MOST_SCRIPTS = 400  # a stack has some 120
# The interpreter in the first lines of a script: `#!/env/bin/python`, or, where that path is
# long or has a space, `'''exec' "/env/bin/python" "$0" "$@"`.
SCRIPT_PYTHON = re.compile(rb"(?:^#!\s*|exec' )[\"']?(/[^\"'\n]*?/(?:python|pypy)[\w.]*)")
# As venv, virtualenv and uv write it. Nothing else is assigned there by a word without a `$`.
ACTIVATE = re.compile(
    rb"^[ \t]*(?:export[ ])?VIRTUAL_ENV=(['\"]?)(/[^'\"$`\n]*)\1[ \t]*$", re.MULTILINE
)

# What setuptools writes for `pip install -e` where a folder can't just be added to the path:
# a `.pth` file that imports a finder, and in the finder each package with its folder.
FINDER = re.compile(r"^import (__editable___\w+_finder)\b", re.MULTILINE)
MAPPING = re.compile(rb"^MAPPING\b[^=\n]*= *\{(.*?)\}", re.MULTILINE | re.DOTALL)
MAPPED = re.compile(rb": *['\"](/[^'\"]+)['\"]")


def pip_python(executable: Path) -> str:
    """The Python of another environment that `bin/pip` beside it runs; "" if it runs this one."""
    named = _python_of(executable.parent / "pip")
    if not named or _same(Path(named).parent, executable.parent) or not os.access(named, os.X_OK):
        return ""
    return named


def first_place(executable: Path, prefix: Path) -> str:
    """The folder that the environment's commands name as theirs; "" if it is this one."""
    places = (place for place in _places(executable.parent) if place is not None)
    return next((str(place) for place in places if not _same(place, prefix)), "")


def _places(folder: Path) -> Iterator[Path | None]:
    """What `activate` names, and the environment of each script's Python.

    A script may be meant for another Python: it counts if that one is gone, or an environment's.
    """
    if activate := ACTIVATE.search(_head(folder / "activate", 20_000)):
        yield Path(os.fsdecode(activate[2]))
    try:
        with os.scandir(folder) as entries:
            names = sorted(
                entry.name for entry in islice(entries, MOST_SCRIPTS) if not entry.is_symlink()
            )
    except OSError:
        return
    for name in names:
        named = _python_of(folder / name)
        place = Path(named).parent.parent if named else None
        if place and (not os.path.lexists(named) or _is_environment(place)):
            yield place


def editable_folders(site: Path, pth: str) -> list[str]:
    """The packages' folders of an editable install whose `.pth` file runs setuptools' finder."""
    found = FINDER.search(pth)
    if found is None:
        return []
    mapping = MAPPING.search(_head(site / f"{found[1]}.py", 100_000))
    if mapping is None:
        return []
    return [os.fsdecode(path[1]) for path in MAPPED.finditer(mapping[1])]


def _is_environment(place: Path) -> bool:
    return (place / "pyvenv.cfg").is_file() or (place / "conda-meta").is_dir()


def _python_of(script: Path) -> str:
    """The Python that a script's first lines name; "" if they name none."""
    found = SCRIPT_PYTHON.search(_head(script, 1000))
    return os.fsdecode(found[1]) if found else ""


def _head(path: Path, size: int) -> bytes:
    try:
        with open(open_regular(path), "rb") as stream:
            return stream.read(size)
    except OSError:
        return b""  # without it, or not to be read: nothing runs


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)
