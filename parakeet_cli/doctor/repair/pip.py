"""Finds and runs the pip that serves an interpreter.

That is the interpreter's own pip if it has one that can report; else the one beside this tool,
working on that interpreter (`pip --python`); else the one in Python's own library.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.errors import Refused
from parakeet_cli.system.processes import exit_in_words, signal_group
from parakeet_cli.system.safety.scratch_folders import scratch_file
from parakeet_cli.system.safety.url_passwords import without_passwords

OLDEST = "23.1"  # the first whose `install --dry-run --report` names what it would fetch
RAW_PROGRESS = "24.1"  # the first that can print its progress for a program to read
# Without writing bytecode: asking must leave no trace in the environment.
OWN_PIP = ("-B", "-I", "-m", "pip")
# Settings that would install packages elsewhere, or change what a command means. Where
# packages come from (indexes, proxies, certificates) stays as pip is configured.
IGNORED_SETTINGS = (
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REPORT",
    "PIP_DRY_RUN",
    "PIP_NO_DEPS",
    "PIP_REQUIREMENT",
    "PIP_UPGRADE",
    "PIP_FORCE_REINSTALL",
    "PIP_IGNORE_INSTALLED",
    "PIP_QUIET",
    "PIP_VERBOSE",
    "PIP_REQUIRE_HASHES",
    "PIP_PYTHON",
    "PIP_EDITABLE",
    "PIP_USER",
    "PIP_LOG",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
)
SOURCES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX")
SOURCES_AND_BOUNDS = (*SOURCES, "PIP_CONSTRAINT", "PIP_PRE", "PIP_NO_BINARY", "PIP_ONLY_BINARY")
ERROR = re.compile(r"^(?:ERROR|error): *(.*)")
DEBIAN_WHEELS = Path("/usr/share/python-wheels")
PROGRESS = re.compile(r"^Progress (\d+) of (\d+)$")
FILE = re.compile(r"^\s*(?:Downloading|Using cached|Processing|Building wheel for) (\S+)")
TERM_SECONDS = 5.0
_INDEX_OPTIONS = ("--index-url", "--extra-index-url", "--find-links")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PipProgress:
    """The file that pip works on, and how much of it is downloaded."""

    file: str
    done: int = 0  # bytes
    total: int = 0  # bytes; 0 while nothing is downloaded


OnProgress = Callable[[PipProgress], None]


class PipFailed(Exception):
    """A pip run that failed, with the reason in pip's own words."""

    def __init__(self, arguments: Sequence[str], code: int, output: Sequence[str]) -> None:
        self.code = code
        self.output = tuple(map(without_passwords, output))
        errors = [match[1] for line in self.output if (match := ERROR.match(line)) and match[1]]
        # The last, but for pip's closing formula, which names nothing.
        useful = [words for words in errors if not words.startswith("ResolutionImpossible")]
        words = useful[-1:] or [line for line in self.output if line.strip()][-1:]
        self.reason = words[0] if words else f"it {exit_in_words(code)}"
        super().__init__(f"pip {arguments[0]} failed: {self.reason}")


@dataclass(frozen=True, slots=True)
class Pip:
    """How to run it."""

    command: tuple[str, ...]
    version: str
    python: str
    descriptors: tuple[int, ...] = ()  # that it inherits: the lock
    scratch: str | None = None  # TMPDIR of what it unpacks

    @property
    def typed(self) -> tuple[str, ...]:
        """The same as a person would type it."""
        if self.command[1:] == OWN_PIP:
            return (self.python, "-m", "pip")
        return (sys.executable, "-m", "pip", "--python", self.python)

    @property
    def reports_progress(self) -> bool:
        return Version(self.version) >= Version(RAW_PROGRESS)

    def run(
        self,
        arguments: Sequence[str],
        *,
        on_progress: OnProgress | None = None,
        sealed: bool = False,
        settings: Mapping[str, str] | None = None,
        logged: bool = True,
    ) -> list[str]:
        """Run it and return the lines that it printed. Raises PipFailed.

        With `sealed` it takes nothing from its configuration: all is in the arguments. With
        `settings` (proxies, certificates) it takes those instead. Each line is logged, but not
        where `logged` is false, because the output may have passwords in it.
        """
        output: list[str] = []
        with _sources_with_passwords(arguments) as passed:
            process = subprocess.Popen(
                [*self.command, *passed],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=self._environment(settings or {}, sealed=sealed or settings is not None),
                pass_fds=self.descriptors,
                # Ctrl-C goes to the doctor alone, which ends pip and then restores.
                start_new_session=True,
            )
            try:
                assert process.stdout is not None
                _follow(process.stdout, output, on_progress, logged=logged)
                process.wait()
            finally:
                end_group(process)
        if process.returncode != 0:
            raise PipFailed(arguments, process.returncode, output)
        return output

    def _environment(self, settings: Mapping[str, str], *, sealed: bool) -> dict[str, str]:
        env = {key: value for key, value in os.environ.items() if key not in IGNORED_SETTINGS}
        env |= {
            "PIP_NO_INPUT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "PIP_USER": "0",
            "PIP_NO_COLOR": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",  # for the processes that pip starts
            "PYTHONIOENCODING": "utf-8",
            "LC_ALL": "C.UTF-8",
        }
        if sealed:
            for name in SOURCES_AND_BOUNDS:
                env.pop(name, None)
            env["PIP_CONFIG_FILE"] = os.devnull
            env |= settings
        if self.scratch:
            env["TMPDIR"] = self.scratch
        return env


@contextmanager
def _sources_with_passwords(arguments: Sequence[str]) -> Iterator[list[str]]:
    """The arguments, with indexes that have a password in a file that only this user can read.

    Every user of the machine can see the arguments of a process.
    """
    passed: list[str] = []
    secret: list[str] = []
    for word in arguments:
        if without_passwords(word) != word and passed and passed[-1] in _INDEX_OPTIONS:
            secret.append(f"{passed.pop()} {shlex.quote(word)}\n")
        else:
            passed.append(word)
    if not secret:
        yield passed
        return
    with scratch_file("indexes.txt", "".join(secret)) as path:
        yield [*passed, "-r", path]


def _follow(
    stream: Iterable[bytes], output: list[str], on_progress: OnProgress | None, *, logged: bool
) -> None:
    """Add pip's lines to `output` as they arrive, log them and report its progress."""
    on_progress = on_progress or (lambda _: None)
    file = ""
    for raw in stream:
        line = raw.decode("utf-8", errors="replace").rstrip()
        output.append(line)
        if progress := PROGRESS.match(line):
            on_progress(PipProgress(file, int(progress[1]), int(progress[2])))
            continue
        if logged:
            _log.info("    %s", without_passwords(line))
        if started := FILE.match(line):
            file = without_passwords(started[1]).rpartition("/")[2]
            on_progress(PipProgress(file))


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started: with SIGTERM, after 5 seconds with SIGKILL."""
    if process.poll() is None:
        signal_group(process, "SIGTERM")
        with suppress(subprocess.TimeoutExpired):
            process.wait(TERM_SECONDS)
    signal_group(process, "SIGKILL")
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def find_pip(facts: Facts) -> Pip:
    """The pip for this interpreter. Raises Refused if there is none at all."""
    python = facts.interpreter.executable
    own = next(
        (
            dist
            for dist in facts.distributions
            if dist.name == "pip" and dist.location == facts.interpreter.site_packages
        ),
        None,
    )
    if own is not None and not own.broken and not own.missing and _is_new_enough(own.version):
        return Pip((python, *OWN_PIP), own.version or OLDEST, python)
    spec = importlib.util.find_spec("pip")
    if spec is not None and spec.origin:
        from importlib.metadata import version

        if _is_new_enough(beside := version("pip")):
            # What `pip --python` does, without starting pip twice.
            runner = str(Path(spec.origin).with_name("__pip-runner__.py"))
            return Pip((python, "-B", "-E", "-s", runner), beside, python)
    bundled = bundled_pip()
    if bundled is not None:
        return Pip((python, "-B", "-E", "-s", f"{bundled[0]}/pip"), bundled[1], python)
    # The pip that Python brings may be too old as well; uv is installed with parakeet.
    beside_us = ("uv", "pip", "install", "--python", sys.executable, "--upgrade", "pip")
    raise Refused(
        f"There is no pip {OLDEST} or newer for {python}.",
        hint=f"Install one beside parakeet: {shlex.join([sys.executable, '-m', *beside_us])}",
    )


def bundled_pip() -> tuple[str, str] | None:
    """The wheel and version of the pip that Python brings for new environments."""
    spec = importlib.util.find_spec("ensurepip")  # Debian has it in a package of its own
    places = [Path(spec.origin).parent / "_bundled"] if spec and spec.origin else []
    places += [Path(named)] if (named := sysconfig.get_config_var("WHEEL_PKG_DIR")) else []
    for folder in (*places, DEBIAN_WHEELS):
        for wheel in sorted(folder.glob("pip-*.whl"), reverse=True):
            version = wheel.name.split("-")[1]
            if _is_new_enough(version):
                return str(wheel), version
    return None


def _is_new_enough(version: str | None) -> bool:
    try:
        return Version(version or "0") >= Version(OLDEST)
    except InvalidVersion:
        return False
