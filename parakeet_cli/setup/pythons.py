"""Finds a Python that the stack supports, to make an environment with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.doctor.stack.requirement_strings import allows
from parakeet_cli.doctor.stack.stack import Stack
from parakeet_cli.errors import Refused
from parakeet_cli.system.processes import exit_in_words

# The stacks were built on 3.11; newer ones lack a wheel now and then.
MINORS = ("3.11", "3.12", "3.13", "3.10", "3.14")
_TO_GET_ONE = (
    "To get one: uv python install 3.11, or pyenv install 3.11, or sudo apt install "
    "python3.11-venv, or conda create -n py311 python=3.11."
)
_SECONDS = 15.0  # for an interpreter that is asked what it is, from a cold disk
_NAMES = (*(f"python{minor}" for minor in MINORS), "python3", "python")
# Without -S: on macOS and in conda, site decides whether venv can be found.
_QUESTION = """
import json, struct, sys, sysconfig
from importlib.util import find_spec
print(json.dumps({
    "path": getattr(sys, "_base_executable", "") or sys.executable,
    "version": ".".join(map(str, sys.version_info[:3])),
    "ordinary": sys.implementation.name == "cpython" and struct.calcsize("P") == 8
                and not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "venv": find_spec("venv") is not None,
    "pip": find_spec("ensurepip") is not None,
}))
"""


@dataclass(frozen=True, slots=True)
class BasePython:
    """A Python that environments can be made with."""

    path: str
    version: str
    has_pip: bool  # whether it can install pip in them


def find_base_python(
    stack: Stack, named: str | None, environment: Mapping[str, str] = os.environ
) -> BasePython:
    """The Python that was named, the running one, or another that is found.

    Raises Refused where the named one, or every one, can't be used.
    """
    if named is not None:
        return _named(stack, named)
    seen = []
    for path in (sys.executable, *_others(environment)):
        found = ask(path)
        if isinstance(found, BasePython):
            if allows(stack.python, found.version):
                return found
            seen.append(found.version)
    versions = ", ".join(sorted(set(seen))) or "none at all"
    raise Refused(
        f"Stack {stack.name} needs Python {stack.python}, and none is on this machine "
        f"({versions} found). Nothing was changed.",
        hint=f"{_TO_GET_ONE} To name one: parakeet setup --base-python PATH",
    )


def _named(stack: Stack, named: str) -> BasePython:
    path = Path(named).expanduser().absolute()
    if path.is_dir():  # an environment's folder
        path /= "bin/python"
    found = ask(str(path))
    if isinstance(found, str):
        raise Refused(
            f"--base-python {named} can't be used: {found}. Nothing was changed.",
            hint=f"Name the executable of a Python {stack.python}. {_TO_GET_ONE}",
        )
    if not allows(stack.python, found.version):
        raise Refused(
            f"{path} is Python {found.version}, and stack {stack.name} needs {stack.python}. "
            "Nothing was changed.",
            hint="Name another with --base-python, or leave it out to have one found.",
        )
    return found


def ask(path: str) -> BasePython | str:
    """What the interpreter is, or why it can't make an environment."""
    try:
        done = subprocess.run(
            [path, "-I", "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
        answer = json.loads(done.stdout) if done.returncode == 0 else None
    except OSError as error:
        return f"it can't be started ({error.strerror or error})"
    except subprocess.TimeoutExpired:
        return f"it doesn't answer within {_SECONDS:.0f} seconds"
    except ValueError:
        return "it is no Python 3"
    if not isinstance(answer, dict):
        return f"it {exit_in_words(done.returncode)}" if done.returncode else "it is no Python 3"
    if not answer["ordinary"]:
        return "it is no ordinary CPython of 64 bits"
    if not answer["venv"]:
        return "it lacks the module venv"
    # Of a virtual environment, the Python that it was made with: it may outlive that.
    base = answer["path"] if Path(answer["path"]).is_file() else path
    return BasePython(base, answer["version"], answer["pip"])


def _others(environment: Mapping[str, str]) -> Iterator[str]:
    """Every other interpreter in the usual places, those first that the stacks were built on."""
    places = list(_folders(environment))
    seen: set[str] = {os.path.realpath(sys.executable)}
    for name in _NAMES:
        for folder in places:
            path = folder / name
            real = os.path.realpath(path)
            if real not in seen and path.is_file() and os.access(path, os.X_OK):
                seen.add(real)
                yield str(path)


def _folders(environment: Mapping[str, str]) -> Iterator[Path]:
    """PATH, the system's folders, and those of pyenv, uv and conda."""
    home = Path(environment.get("HOME") or Path.home())
    for entry in environment.get("PATH", os.defpath).split(os.pathsep):
        if entry:
            yield Path(entry)
    yield from (Path("/usr/bin"), Path("/usr/local/bin"), Path("/opt/homebrew/bin"))
    data = Path(environment.get("XDG_DATA_HOME") or home / ".local" / "share")
    for root in (
        Path(environment.get("PYENV_ROOT") or home / ".pyenv") / "versions",
        Path(environment.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python"),
        home / "miniconda3" / "envs",
        home / "miniforge3" / "envs",
    ):
        yield from sorted(root.glob("*/bin"), reverse=True)
