"""Asks uv which versions pip would install: the same answer in a tenth of the time.

Which files those versions are, with their sums, is asked afterwards (`lock`).
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.facts import Distribution, Facts
from parakeet_cli.doctor.repair.pip import end_group
from parakeet_cli.doctor.repair.uv.configuration import UvSettings
from parakeet_cli.system.regular_files import others_can_write
from parakeet_cli.system.safety.scratch_folders import scratch_folder
from parakeet_cli.system.safety.url_passwords import without_passwords

OLDEST = "0.9"  # the oldest whose answers the tests compare with pip's
# A uv of its own settings would look elsewhere. Where its cache is changes no answer.
KEPT = frozenset({"UV_CACHE_DIR"})
# What uv reads of an installed distribution. direct_url.json isn't among them: for pip a version
# is that version wherever it came from.
METADATA = ("METADATA", "PKG-INFO", "RECORD", "WHEEL", "requires.txt", "top_level.txt")
HIDDEN_VARIABLES = ("PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX")
WOULD_INSTALL = re.compile(r"^ [+~] (?P<pin>[^ =]+==[^ ]+)$")
SUMMARY = re.compile(r"^Would install (?P<n>\d+) packages?$")
NOTHING = "Would make no changes"
WOULD_INSTALL_A_FILE = re.compile(r"^ [+~] \S.*\(from |^ [+~] \S+ @ ")

_log = logging.getLogger(__name__)


class UvFailed(Exception):
    """uv is missing, too old, or gives no answer that pip could be asked about."""


@dataclass(frozen=True, slots=True)
class Uv:
    """How to run it, for one interpreter and the distributions that it has."""

    executable: str
    python: str
    installed: tuple[Distribution, ...]

    def solve(
        self, lines: Sequence[str], settings: UvSettings, *, with_dependencies: bool = True
    ) -> list[str]:
        """The `name==version` of all that would be installed for a requirements file's lines.

        Raises UvFailed.
        """
        with scratch_folder() as folder:
            # uv leaves a lock file where it looks, and doesn't see what an environment inherits:
            # it gets a folder that describes what is installed, and no path to the environment.
            target = folder / "installed"
            target.mkdir()
            _describe(self.installed, target)
            file = write_requirements(folder, "requirements.txt", settings, lines)
            command = [
                *self.command("install", settings, lines),
                *("--dry-run", "--target", str(target), "-r", str(file)),
                *(() if with_dependencies else ("--no-deps",)),
            ]
            output = run(command, settings.variables)
        if any(map(WOULD_INSTALL_A_FILE.match, output)):
            raise UvFailed("a requirement names a file")
        pins = [match["pin"] for line in output if (match := WOULD_INSTALL.match(line))]
        if len(pins) != _announced(output):
            raise UvFailed("its answer isn't understood")
        return pins

    def command(self, verb: str, settings: UvSettings, lines: Sequence[str]) -> list[str]:
        """`uv pip VERB` for this interpreter, without the lines: those may name indexes."""
        return [
            *(self.executable, "--no-config", "pip", verb),
            *("--no-progress", "--color", "never", "--python", self.python),
            # As pip does: of all indexes the best version, whichever index it is on.
            *("--index-strategy", "unsafe-best-match", *settings.flags),
            *_cache_flags(settings, lines),
        ]


def write_requirements(folder: Path, name: str, settings: UvSettings, lines: Sequence[str]) -> Path:
    """A requirements file of the settings and the lines.

    Nobody else can read it: an index's URL may have a password in it.
    """
    file = folder / name
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in (*settings.lines, *lines))
    return file


def find_uv(facts: Facts) -> Uv:
    """The uv beside this tool, for the interpreter. Raises UvFailed."""
    interpreter = facts.interpreter
    unseen = (interpreter.user_site, *interpreter.python_path)  # pip runs without them here
    seen = [dist for dist in facts.distributions if dist.location not in unseen]
    # Of several with one name, imports and pip find the first.
    first = {dist.name: dist for dist in reversed(seen) if not dist.problem}
    return Uv(_beside(), interpreter.executable, tuple(first.values()))


def run(
    command: Sequence[str],
    variables: Mapping[str, str],
    *,
    descriptors: tuple[int, ...] = (),
    on_line: Callable[[str], None] = lambda line: None,
) -> list[str]:
    """Run uv, without settings of its own, and return the lines it printed. Raises UvFailed.

    It inherits the descriptors. `on_line` gets each line when it is printed.
    """
    process = _start(command, variables, descriptors)
    output: list[str] = []
    try:
        assert process.stdout is not None
        for raw in process.stdout:
            output.append(raw.decode("utf-8", errors="replace").rstrip("\r\n"))
            on_line(output[-1])
        process.wait()
    finally:
        end_group(process)
    return _checked(process, output)


def run_all(commands: Sequence[Sequence[str]], variables: Mapping[str, str]) -> None:
    """Run several at once. Raises UvFailed if one fails, and the others are ended."""
    with ExitStack() as started:
        processes = []
        for command in commands:
            processes.append(_start(command, variables, ()))
            started.callback(end_group, processes[-1])
        for process in processes:
            printed, _ = process.communicate()
            _checked(process, printed.decode("utf-8", errors="replace").splitlines())


def _start(
    command: Sequence[str], variables: Mapping[str, str], descriptors: tuple[int, ...]
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**_environment(os.environ), **variables},
            pass_fds=descriptors,
            # Ctrl-C goes to the doctor alone, which ends uv.
            start_new_session=True,
        )
    except OSError as error:
        raise UvFailed(f"it can't be started: {error.strerror}") from error


def _checked(process: subprocess.Popen[bytes], output: list[str]) -> list[str]:
    for line in output:
        _log.info("    %s", without_passwords(line))
    if process.returncode != 0:
        raise UvFailed(_reason(output))
    return output


def _describe(installed: Sequence[Distribution], target: Path) -> None:
    """Make a folder that looks as if these were installed in it. Raises UvFailed."""
    for dist in installed:
        info = Path(dist.info)
        if not info.is_dir():
            raise UvFailed(f"it can't read {info}")
        folder = target / info.name
        folder.mkdir(exist_ok=True)
        for name in METADATA:
            if (info / name).is_file():
                (folder / name).symlink_to(info / name)


def _beside() -> str:
    try:
        installed = metadata.version("uv")
        from uv import find_uv_bin

        executable = str(find_uv_bin())
    except (ImportError, OSError) as error:
        raise UvFailed("it isn't installed") from error
    try:
        too_old = Version(installed) < Version(OLDEST)
    except InvalidVersion as error:
        raise UvFailed(f"its version is {installed}") from error
    if too_old:
        raise UvFailed(f"version {installed} is older than {OLDEST}")
    return executable


def _cache_flags(settings: UvSettings, lines: Sequence[str]) -> tuple[str, ...]:
    """Without a cache where that may not be used.

    uv writes the addresses that an index gives into its cache, with their passwords.
    """
    sources = (*settings.lines, *lines, *settings.variables.values())
    has_password = any(without_passwords(one) != one for one in sources)
    return ("--no-cache",) if has_password or _is_shared(_cache_folder(os.environ)) else ()


def _is_shared(cache: Path) -> bool:
    """Whether other users can write what is installed: files are linked to those in the cache."""
    try:
        return others_can_write(cache.stat())
    except OSError:  # uv makes one of its own
        return False


def _cache_folder(environ: Mapping[str, str]) -> Path:
    """As uv finds it: https://docs.astral.sh/uv/reference/storage/#cache-directory."""
    caches = environ.get("XDG_CACHE_HOME", "")
    own = Path(caches) if Path(caches).is_absolute() else Path("~/.cache").expanduser()
    return Path(environ.get("UV_CACHE_DIR") or own / "uv")


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if (not name.startswith("UV_") or name in KEPT) and name not in HIDDEN_VARIABLES
    }


def _announced(output: Sequence[str]) -> int | None:
    """How many packages uv says that it would install; None if it doesn't say."""
    if NOTHING in output:
        return 0
    return next((int(match["n"]) for line in output if (match := SUMMARY.match(line))), None)


def _reason(output: Sequence[str]) -> str:
    """The last line in which uv says anything."""
    said = [without_passwords(line).strip(" │╰─▶×") for line in output]
    return next((line for line in reversed(said) if line), "it said nothing")
