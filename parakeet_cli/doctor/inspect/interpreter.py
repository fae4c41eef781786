"""Finds a Python interpreter and reads what it is and which folders it imports from.

Everything is read from files: `pyvenv.cfg`, `conda-meta`, `.pth` files, the user site.
Only an interpreter without such files (a system Python or a self-built one) is run and
asked, with `-I -S`, so that nothing in its site folders is executed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from parakeet_cli.doctor.facts import Interpreter, PthFile
from parakeet_cli.doctor.inspect.ask import ask_interpreter, not_a_python
from parakeet_cli.doctor.inspect.moved import editable_folders, first_place, pip_python
from parakeet_cli.errors import UsageError
from parakeet_cli.system.hardware import find_program
from parakeet_cli.system.regular_files import open_regular, read_regular

NAMED_HOW = "--python takes /path/to/env or /path/to/env/bin/python"

# How programs begin: ELF, scripts, and macOS's formats.
PROGRAMS = (b"\x7fELF", b"#!", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe", b"MZ")
MOST_LINKS = 40  # of a path, as Linux has it
# Where an environment has its Python; of Windows a virtual and a conda environment.
PLACES = ("bin/python", "bin/python3", "Scripts/python.exe", "python.exe")
VERSION_IN_NAME = re.compile(r"python(\d+\.\d+)")
# The names of Pythons, and of the programs that others install in their place (pyenv, asdf).
PYTHON_NAME = re.compile(r"(python|pypy|graalpy)[\d.]*[a-z]?(\.exe)?")
# `sys.path.insert(0, "/folder")` or `sys.path[:0] = ["/folder"]` in a .pth file
PUT_FIRST = re.compile(r"sys\.path(?:\.insert\(\s*0\s*,|\[0?:0\]\s*=\s*\[)\s*r?(['\"])(/.+?)\1")


def find_interpreter(python: str) -> Path:
    """The interpreter's absolute path, links not resolved. For a folder, its bin/python.

    A dangling link is accepted. Raises UsageError if there is no executable file.
    """
    named = Path(python).expanduser()
    separators = {os.sep, os.altsep or os.sep}
    if not separators.intersection(python) and not named.exists():
        found = find_program(python, os.environ)
        if found is None:
            raise UsageError(
                f"There is no Python called {python} on PATH; {NAMED_HOW}, "
                "or a name that `parakeet setup --list` shows."
            )
        named = Path(found)
    path = Path(os.path.abspath(named))
    if path.is_dir():
        candidates = [path / name for name in PLACES]
        path = next((candidate for candidate in candidates if os.path.lexists(candidate)), path)
    if path.is_dir() or not os.path.lexists(path):
        raise UsageError(f"There is no Python at {path}; {NAMED_HOW}.")
    if path.exists() and not os.access(path, os.X_OK):
        raise UsageError(f"{path} can't be run, as it isn't executable; {NAMED_HOW}.")
    return path


def read_interpreter(executable: Path, environment: Mapping[str, str]) -> Interpreter:
    """What the interpreter is, with its site folders in import order.

    Raises UsageError if it is another program. A Python that can't start has a `problem`.
    """
    if not _has_python_name(executable):
        try:
            _, problem = ask_interpreter(executable)
        except UsageError:
            problem = "it is another program"
        if problem:
            raise not_a_python(executable)
    cfg = _pyvenv_cfg(executable)
    if cfg is not None:
        return _read_venv(executable, *cfg, environment)
    for prefix in (executable.parent.parent, executable.parent):  # the second on Windows
        if (prefix / "conda-meta").is_dir():
            return _read_conda(executable, prefix, environment)
    return _read_base(executable, environment)


def _has_python_name(executable: Path) -> bool:
    """Whether the file, or what a link leads to, is called as Pythons are."""
    names = (executable.name, Path(os.path.realpath(executable)).name)
    return any(PYTHON_NAME.fullmatch(name) for name in names)


# Kinds of interpreter


def _read_venv(
    executable: Path, prefix: Path, settings: dict[str, str], environment: Mapping[str, str]
) -> Interpreter:
    home = settings.get("home", "")
    version = settings.get("version_info") or settings.get("version") or ""
    version = ".".join(version.split(".")[:3])
    site = _site_of(prefix, version, executable)
    minor = VERSION_IN_NAME.search(str(site))
    if minor and not version.startswith(minor[1]):
        version = minor[1]
    problem = _start_problem(executable, home) or _other_release(executable, site)
    inherits = settings.get("include-system-site-packages", "").lower() == "true"
    sites = [site]
    base_prefix = str(Path(home).parent) if home else ""
    if inherits and home and not problem:
        try:
            base = _read_base(_base_executable(Path(home), executable), environment)
        except UsageError as error:
            problem = f"it was made from another program: {error}"
        else:
            sites += [Path(path) for path in base.paths if path not in map(str, sites)]
            base_prefix = base.base_prefix
    user = _user_site(version, environment) if inherits else None
    target = Interpreter(
        executable=str(executable),
        version=version,
        prefix=str(prefix),
        base_prefix=base_prefix,
        kind="venv",
        paths=(),
        site_packages=str(site),
        problem=problem,
        script_python=pip_python(executable),
        moved_from=first_place(executable, prefix),
    )
    return _add_paths(target, sites, user, environment)


def _read_conda(executable: Path, prefix: Path, environment: Mapping[str, str]) -> Interpreter:
    version = ""
    for record in sorted((prefix / "conda-meta").glob("python-[0-9]*.json")):
        version = record.name.removeprefix("python-").split("-")[0]
    site = _site_of(prefix, version, executable)
    target = Interpreter(
        executable=str(executable),
        version=version,
        prefix=str(prefix),
        base_prefix=str(prefix),
        # conda's base is the installation itself, which contains the other environments.
        kind="conda-base" if (prefix / "condabin").is_dir() else "conda",
        paths=(),
        site_packages=str(site),
        problem=_start_problem(executable),
        script_python=pip_python(executable),
        moved_from=first_place(executable, prefix),
    )
    return _add_paths(target, [site], _user_site(version, environment), environment)


def _read_base(executable: Path, environment: Mapping[str, str]) -> Interpreter:
    answer, problem = ask_interpreter(executable)
    version = str(answer.get("version", ""))
    prefix = Path(str(answer.get("prefix") or executable.parent.parent))
    listed = answer.get("sites")
    sites = [Path(str(path)) for path in listed] if isinstance(listed, list) else []
    if not sites:
        sites = [_site_of(prefix, version, executable)]
    target = Interpreter(
        executable=str(executable),
        version=version,
        prefix=str(prefix),
        base_prefix=str(answer.get("base_prefix") or prefix),
        kind="base",
        paths=(),
        site_packages=str(sites[0]),
        problem=problem,
    )
    return _add_paths(target, sites, _user_site(version, environment), environment)


# Reading files


def _pyvenv_cfg(executable: Path) -> tuple[Path, dict[str, str]] | None:
    """Its folder and settings. As Python does, look beside the executable and one folder up."""
    for folder in (executable.parent, executable.parent.parent):
        try:
            text = read_regular(folder / "pyvenv.cfg").decode("utf-8", errors="replace")
        except OSError:
            continue
        pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
        return folder, {key.strip().lower(): value.strip() for key, value in pairs}
    return None


def _start_problem(executable: Path, home: str = "") -> str:
    """Why the environment's Python can't start; "" if its file says nothing against it.

    The Python that it was made from may have been removed: a link to it dangles, and a copy of
    it (`venv --copies`) has lost its standard library.
    """
    try:
        found = executable.exists()
    except OSError as error:
        return f"it can't be started: {error.strerror or error}"
    if not found:
        return f"it points to {os.path.realpath(executable)}, which doesn't exist"
    if home and not executable.is_symlink() and not Path(home).is_dir():
        return f"it was made from the Python in {home}, which doesn't exist"
    try:
        with open(open_regular(executable), "rb") as stream:
            head = stream.read(4)
    except PermissionError:
        return ""  # a program may be run and not be read
    except OSError as error:
        return f"it can't be started: {error.strerror or error}"
    return "" if head.startswith(PROGRAMS) else f"{executable.name} is damaged: it is no program"


def _other_release(executable: Path, site: Path) -> str:
    """Why a link no longer leads to the release that the packages were installed for.

    An upgrade of the system puts a newer Python behind `/usr/bin/python3`.
    """
    here = VERSION_IN_NAME.fullmatch(site.parent.name)
    there = _first_version(executable)
    if here is None or there in ("", here[1]):
        return ""
    target = os.path.realpath(executable)
    return f"it points to {target}, and the packages here are for Python {here[1]}"


def _first_version(executable: Path) -> str:
    """The release in the first name that has one, along the links: "3.11"; "" if none has."""
    path = executable
    for _ in range(MOST_LINKS):
        if found := VERSION_IN_NAME.fullmatch(path.name):
            return found[1]
        try:
            path = path.parent / path.readlink()
        except OSError:
            break  # no link
    return ""


def _base_executable(home: Path, executable: Path) -> Path:
    resolved = Path(os.path.realpath(executable))
    return resolved if resolved.parent == Path(os.path.realpath(home)) else home / "python3"


def _site_of(prefix: Path, version: str, executable: Path) -> Path:
    """lib/pythonX.Y/site-packages of that version, else one that exists; on Windows Lib's."""
    minor = ".".join(version.split(".")[:2])
    if not minor and (match := VERSION_IN_NAME.search(os.path.realpath(executable))):
        minor = match[1]
    expected = prefix / "lib" / f"python{minor}" / "site-packages"
    if minor and expected.is_dir():
        return expected
    existing = sorted((prefix / "lib").glob("python3.*/site-packages"))
    existing += sorted((prefix / "lib").glob("pypy3.*/site-packages"))
    if not existing and (prefix / "Lib" / "site-packages").is_dir():
        return prefix / "Lib" / "site-packages"
    return existing[-1] if existing else expected


def _user_site(version: str, environment: Mapping[str, str]) -> Path | None:
    if environment.get("PYTHONNOUSERSITE"):
        return None
    minor = ".".join(version.split(".")[:2])
    if sys.platform == "win32":
        base = environment.get("PYTHONUSERBASE") or f"{environment.get('APPDATA', '~')}/Python"
        below = f"Python{minor.replace('.', '')}/site-packages"
    else:
        base = environment.get("PYTHONUSERBASE") or f"{environment.get('HOME', '~')}/.local"
        below = f"lib/python{minor}/site-packages"
    folder = Path(base).expanduser() / below
    return folder if folder.is_dir() else None


def _add_paths(
    target: Interpreter, sites: list[Path], user: Path | None, environment: Mapping[str, str]
) -> Interpreter:
    """Add the folders in import order: PYTHONPATH, the user site, the site folders.

    A virtual environment's own folder comes before the user site, which it uses only if it
    inherits from its base. Each folder is followed by those that its `.pth` files add.
    """
    own, others = (sites[:1], sites[1:]) if target.kind == "venv" else ([], sites)
    ordered = [*own, *([user] if user else []), *others]
    entries = environment.get("PYTHONPATH", "").split(os.pathsep)
    python_path = tuple(entry for entry in entries if entry and Path(entry).is_dir())
    paths: dict[str, None] = dict.fromkeys(python_path)
    pth_files: list[PthFile] = []
    for site in ordered:
        if not site.is_dir():
            continue
        paths[str(site)] = None
        for pth in _pth_files(site):
            pth_files.append(pth)
            paths.update(dict.fromkeys(pth.added))
    first = [folder for pth in pth_files for folder in pth.first]
    return replace(
        target,
        paths=tuple(dict.fromkeys([*reversed(first), *paths])),
        user_site=str(user) if user else None,
        pth_files=tuple(pth_files),
        python_path=python_path,
    )


def _pth_files(site: Path) -> Iterator[PthFile]:
    """Each `.pth` file with the folders it adds.

    Its `import` lines aren't run; of those that put a folder first, the folder is read.
    """
    for name in sorted(entry for entry in os.listdir(site) if entry.endswith(".pth")):  # noqa: PTH208
        path = site / name
        try:
            text = read_regular(path).decode("utf-8-sig", errors="replace")
        except OSError as error:
            yield PthFile(str(path), problem=error.strerror or str(error))
            continue
        added: list[str] = []
        dangling: list[str] = []
        mapped = editable_folders(site, text)
        dangling += [folder for folder in mapped if not Path(folder).exists()]
        first = tuple(found[2] for found in PUT_FIRST.finditer(text) if Path(found[2]).is_dir())
        for line in (line.strip() for line in text.splitlines()):
            if not line or line.startswith(("#", "import ", "import\t")):
                continue
            folder = os.path.normpath(site / line)
            (added if os.path.exists(folder) else dangling).append(folder)  # noqa: PTH110
        added = [folder for folder in added if Path(folder).is_dir()]
        yield PthFile(str(path), tuple(dangling), first, tuple(added))
