"""Asks uv which versions pip would install: the same answer in a tenth of the time.

uv decides the versions alone. pip is asked afterwards for exactly those (`resolve`), so that
the files, their sums and what they require are pip's own answer.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.facts import Distribution, Facts
from parakeet_cli.doctor.repair.pip import end_group
from parakeet_cli.doctor.repair.uv.configuration import UvSettings
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
        self, lines: Sequence[str], settings: UvSettings, *, ignore_installed: bool
    ) -> list[str]:
        """The `name==version` of all that would be installed for a requirements file's lines.

        With `ignore_installed` as if the environment were empty. Raises UvFailed.
        """
        with tempfile.TemporaryDirectory(prefix="parakeet-plan-") as folder:
            # uv leaves a lock file where it looks, and doesn't see what an environment inherits:
            # it gets a folder that describes what is installed, and no path to the environment.
            target = Path(folder, "installed")
            target.mkdir()
            if not ignore_installed:
                _describe(self.installed, target)
            # In a file that nobody else can read: an index's URL may have a password in it.
            file = Path(folder, "requirements.txt")
            file.write_text("".join(f"{line}\n" for line in (*settings.lines, *lines)), "utf-8")
            command = [
                *(self.executable, "--no-config", "pip", "install", "--dry-run"),
                *("--no-progress", "--color", "never", "--python", self.python),
                # As pip does: of all indexes the best version, whichever index it is on.
                *("--index-strategy", "unsafe-best-match", *settings.flags),
                *("--target", str(target), "-r", str(file)),
                *_cache_flags(settings),
            ]
            output = run(command, settings.variables)
        if any(map(WOULD_INSTALL_A_FILE.match, output)):
            raise UvFailed("a requirement names a file")
        pins = [match["pin"] for line in output if (match := WOULD_INSTALL.match(line))]
        if len(pins) != _announced(output):
            raise UvFailed("its answer isn't understood")
        return pins


def find_uv(facts: Facts) -> Uv:
    """The uv beside this tool, for the interpreter. Raises UvFailed."""
    interpreter = facts.interpreter
    unseen = (interpreter.user_site, *interpreter.python_path)  # pip runs without them here
    seen = [dist for dist in facts.distributions if dist.location not in unseen]
    # Of several with one name, imports and pip find the first.
    first = {dist.name: dist for dist in reversed(seen) if not dist.problem}
    return Uv(_beside(), interpreter.executable, tuple(first.values()))


def run(
    command: Sequence[str], variables: Mapping[str, str], *, descriptors: tuple[int, ...] = ()
) -> list[str]:
    """Run uv, without settings of its own, and return the lines it printed. Raises UvFailed."""
    try:
        process = subprocess.Popen(
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
    try:
        printed, _ = process.communicate()
    finally:
        end_group(process)
    output = printed.decode("utf-8", errors="replace").splitlines()
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


def _cache_flags(settings: UvSettings) -> tuple[str, ...]:
    """uv writes the addresses that an index gives into its cache, with their passwords."""
    sources = (*settings.lines, *settings.variables.values())
    return ("--no-cache",) if any(without_passwords(one) != one for one in sources) else ()


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
