"""Makes, finds and removes the environments that setup keeps, one setup at a time.

An environment has a file in it that says setup made it. That file is written before anything
else, and removed last: a folder without it is somebody's own, and is never removed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from platformdirs import user_data_path, user_state_path

from parakeet_cli.doctor.repair.rollback import registry
from parakeet_cli.doctor.repair.rollback.journal import environment_lock
from parakeet_cli.doctor.repair.rollback.startup import start_time
from parakeet_cli.errors import Refused
from parakeet_cli.setup.pythons import BasePython
from parakeet_cli.system.environments import (
    FOLDER,
    KeptEnvironment,
    forget,
    keep,
    kept_environments,
    read_kept,
)
from parakeet_cli.system.locks import LockHeld, lock_file, read_holder, write_holder
from parakeet_cli.system.processes import exit_in_words
from parakeet_cli.system.safety.private_folders import NotPrivate, make_folders, private_folder

_MARK = ".made-by-parakeet-setup"
# How long a setup waits for a child of one that was killed: making an environment takes seconds.
_ORPHAN_SECONDS = 120.0


def data_folder() -> Path:
    """The user's data folder of parakeet."""
    return user_data_path("parakeet")


@contextmanager
def one_setup_at_a_time() -> Iterator[int]:
    """Hold the lock of all setups; returns its descriptor, which children inherit.

    Raises Refused while another setup runs.
    """
    path = user_state_path("parakeet") / "setup.lock"
    try:
        private_folder(path.parent)
        descriptor = _lock(path)
    except NotPrivate as error:
        raise Refused(f"{error.strerror}. Nothing was changed.", hint=error.hint) from error
    except OSError as error:
        raise Refused(f"{path} can't be locked: {error.strerror or error}.") from error
    try:
        write_holder(descriptor, f"{os.getpid()} {start_time(os.getpid())}")
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(path: Path) -> int:
    try:
        return lock_file(path, mode=0o600)
    except LockHeld:
        pid, _, started = read_holder(path).partition(" ")
    runs = pid.isdigit() and start_time(int(pid)) == started != ""
    try:
        # A killed setup may have left a child that still writes.
        return lock_file(path, seconds=0.0 if runs else _ORPHAN_SECONDS, mode=0o600)
    except LockHeld:
        raise Refused(
            "Another setup is under way. Nothing was changed.", hint="Wait until it has ended."
        ) from None


def place_of(env: str | None, stack: str, index: str | None = None) -> KeptEnvironment:
    """The environment for a stack: the one in the list, or a new row that isn't in it yet.

    Each `index` that was named with --torch-index, less its credentials, has an environment of
    its own; without a name it is the one that follows this machine's GPU. Raises Refused if `env`
    is a folder with something else in it.
    """
    data = data_folder()
    if env is None:
        return _own_place(data, stack, index)
    path = Path(os.path.abspath(Path(env).expanduser()))
    kept = list(kept_environments(data))
    if (known := next((one for one in kept if one.path == str(path)), None)) is not None:
        return known
    is_environment = (path / "pyvenv.cfg").is_file() or (path / "conda-meta").is_dir()
    if path.exists() and not is_environment and not _is_empty(path):
        raise Refused(
            f"{path} is no environment, and not empty. Nothing was changed.",
            hint="Name a new folder, or a virtual environment, with --env.",
        )
    name = _free_name(path.name, {one.name for one in kept})
    return KeptEnvironment(name, str(path), stack, made=not is_environment)


def _own_place(data: Path, stack: str, index: str | None) -> KeptEnvironment:
    """The environment in setup's own folder."""
    name = f"nemo-{stack}"
    if index is not None:
        kept = [one for one in kept_environments(data) if one.made and one.stack == stack]
        # One that the index was named for comes before the one that has it because of the GPU.
        for one in sorted(kept, key=lambda one: not one.index_named):
            if one.torch_index == index and Path(one.path).parent == data / FOLDER:
                return one
        name = _numbered(f"{name}-{_slug(index)}", {one.name for one in kept_environments(data)})
    found = KeptEnvironment(name, str(data / FOLDER / name), stack, index_named=index is not None)
    return read_kept(data, name) or found


def _slug(index: str) -> str:
    """An index as a part of a name: `nightly-cu128`, and the last part of a URL."""
    last = index.rstrip("/").rpartition("/")[2] if "://" in index else index
    return re.sub(r"[^\w.-]+", "-", last).strip(".-") or "index"


def _numbered(base: str, taken: set[str]) -> str:
    """A name, made different from those that are taken."""
    numbered = (f"{base}-{number}" for number in count(2))
    return base if base not in taken else next(one for one in numbered if one not in taken)


def _is_empty(path: Path) -> bool:
    try:
        return path.is_dir() and not any(path.iterdir())
    except OSError:
        return False


def _free_name(wanted: str, taken: set[str]) -> str:
    """The folder's name, made different from those in the list and from setup's own."""
    base = re.sub(r"[^\w.-]+", "-", wanted).strip(".-") or "environment"
    if base.startswith("nemo-"):
        base = f"my-{base}"
    return _numbered(base, taken)


def make(kept: KeptEnvironment, base: BasePython, lock: int) -> None:
    """Make a new environment where an unfinished one may lie, and put it on the list.

    Raises Refused; the caller then removes what there is.
    """
    path = Path(kept.path)
    try:
        keep(data_folder(), kept)
        _clear(path)
        make_folders(path)
        if not _is_empty(path):
            raise Refused(f"{path} is not empty. Nothing was changed.", hint="Name another: --env.")
        (path / _MARK).touch()
        done = subprocess.run(
            [
                base.path,
                "-I",
                "-m",
                "venv",
                *([] if base.has_pip else ["--without-pip"]),
                kept.path,
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            pass_fds=(lock,),
            check=False,
        )
    except OSError as error:
        raise Refused(
            f"{path} can't be made: {error.strerror or error}. Nothing was changed.",
            hint="Name another folder with --env.",
        ) from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip().splitlines()[-4:]
        raise Refused(
            f"{base.path} -m venv {exit_in_words(done.returncode)}. Nothing was changed.",
            hint="\n  ".join(said) or None,
        )


def remove(kept: KeptEnvironment) -> bool:
    """Take an environment off the list, and its folder away if setup made it; whether it did.

    Raises Refused while somebody works in it, or if the folder can't be removed.
    """
    path = Path(kept.path)
    removable = kept.made and (path / _MARK).is_file()
    try:
        if removable:
            with environment_lock(kept.path):
                registry.unregister(kept.path)
                _clear(path)
        elif kept.made and _is_empty(path):
            path.rmdir()
        forget(data_folder(), kept.name)
    except LockHeld:
        raise Refused(
            f"A repair of {path} is under way. Nothing was removed.",
            hint="Wait until it has ended.",
        ) from None
    except OSError as error:
        raise Refused(f"{path} can't be removed: {error.strerror or error}.") from error
    for folder in (data_folder() / FOLDER, data_folder()):
        with suppress(OSError):  # there is something else in it
            folder.rmdir()
    return removable


def _clear(path: Path) -> None:
    """Remove a folder that setup made, its mark last. Raises OSError."""
    mark = path / _MARK
    if not mark.is_file():
        return
    for entry in path.iterdir():
        if entry.name == _MARK:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
    mark.unlink()
    path.rmdir()


def size_of(path: Path) -> int:
    """Bytes of the files below a folder; what can't be read counts nothing."""
    total = 0
    for folder, _, files in os.walk(path):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118
    return total
