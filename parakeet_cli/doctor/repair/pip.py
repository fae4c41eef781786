"""The pip that serves an interpreter, asked and run.

The interpreter's own pip where it has one that can report; else the one beside this tool,
at work in that interpreter (`pip --python`); else the one in Python's own library.
"""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from packaging.version import InvalidVersion, Version

from parakeet_cli.doctor.facts import Facts
from parakeet_cli.errors import Refused

OLDEST = "23.1"  # the first whose `install --dry-run --report` names what it would fetch
RAW_PROGRESS = "24.1"  # the first that can print its progress for a program to read
# Its own bytecode stays unwritten: a question asked must leave no trace in the environment.
OWN = ("-B", "-I", "-m", "pip")
# Settings that would send packages elsewhere, or change what a command means. Where
# packages come from (indexes, proxies, certificates) stays as pip is configured.
NOT_OURS = (
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
DEBIANS = Path("/usr/share/python-wheels")
TERM_SECONDS = 5.0

Listen = Callable[[str], None]


class PipFailed(Exception):
    """A pip run that ended badly: its command and its own words."""

    def __init__(self, arguments: Sequence[str], code: int, said: Sequence[str]) -> None:
        self.code = code
        self.said = tuple(said)
        errors = [match[1] for line in said if (match := ERROR.match(line)) and match[1]]
        # The last but for pip's closing formula, which names nothing.
        telling = [words for words in errors if not words.startswith("ResolutionImpossible")]
        words = telling[-1:] or [line for line in said if line.strip()][-1:]
        self.reason = words[0] if words else f"exit status {code}"
        super().__init__(f"pip {arguments[0]} failed: {self.reason}")


@dataclass(slots=True)
class Pip:
    """How to call it. `descriptors` are handed down to it: the lock."""

    command: tuple[str, ...]
    version: str
    python: str
    descriptors: tuple[int, ...] = ()
    scratch: str | None = None  # TMPDIR of what it unpacks
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def typed(self) -> tuple[str, ...]:
        """The same as a person would type it."""
        if self.command[1:] == OWN:
            return (self.python, "-m", "pip")
        return (sys.executable, "-m", "pip", "--python", self.python)

    @property
    def reports_progress(self) -> bool:
        return Version(self.version) >= Version(RAW_PROGRESS)

    def run(
        self,
        arguments: Sequence[str],
        *,
        listen: Listen | None = None,
        sealed: bool = False,
        plain: Mapping[str, str] | None = None,
    ) -> list[str]:
        """What it printed, line by line. Raises PipFailed.

        `sealed` takes nothing from pip's configuration: all is in the arguments. `plain` is
        the little that is taken instead (proxies, certificates).
        """
        env = {key: value for key, value in os.environ.items() if key not in NOT_OURS}
        env |= {
            "PIP_NO_INPUT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "PIP_USER": "0",
            "PIP_NO_COLOR": "1",
            "PYTHONNOUSERSITE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",  # for what pip starts in its turn
            "PYTHONIOENCODING": "utf-8",
            "LC_ALL": "C.UTF-8",
        }
        if sealed or plain is not None:
            for name in SOURCES_AND_BOUNDS:
                env.pop(name, None)
            env["PIP_CONFIG_FILE"] = os.devnull
            env |= plain or {}
        if self.scratch:
            env["TMPDIR"] = self.scratch
        process = subprocess.Popen(
            [*self.command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            pass_fds=self.descriptors,
            # Ctrl-C is the doctor's to take: it ends pip, and then puts back.
            start_new_session=True,
        )
        said: list[str] = []
        try:
            assert process.stdout is not None
            for raw in process.stdout:
                line = raw.decode("utf-8", errors="replace").rstrip()
                said.append(line)
                if listen is not None:
                    listen(line)
            process.wait()
        finally:
            end(process)
        if process.returncode != 0:
            raise PipFailed(arguments, process.returncode, said)
        return said


def end(process: subprocess.Popen[bytes]) -> None:
    """The process and all it started, gone."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(TERM_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def find(facts: Facts) -> Pip:
    """The pip for this interpreter. Raises Refused where there is none at all."""
    python = facts.interpreter.executable
    own = next(
        (
            dist
            for dist in facts.distributions
            if dist.name == "pip" and dist.location == facts.interpreter.site_packages
        ),
        None,
    )
    if own is not None and not own.problem and not own.missing and _new(own.version):
        return Pip((python, *OWN), own.version or OLDEST, python)
    spec = importlib.util.find_spec("pip")
    if spec is not None and spec.origin:
        from importlib.metadata import version

        if _new(found := version("pip")):
            # What `pip --python` does, without starting pip twice.
            runner = str(Path(spec.origin).with_name("__pip-runner__.py"))
            return Pip((python, "-B", "-E", "-s", runner), found, python)
    bundled = _bundled()
    if bundled is not None:
        return Pip((python, "-B", "-E", "-s", f"{bundled[0]}/pip"), bundled[1], python)
    raise Refused(
        f"There is no pip {OLDEST} or newer for {python}.",
        hint=f"{python} -m ensurepip --upgrade, or install pip beside parakeet.",
    )


def _bundled() -> tuple[str, str] | None:
    """The pip that Python brings along for new environments."""
    spec = importlib.util.find_spec("ensurepip")  # Debian has it in a package of its own
    places = [Path(spec.origin).parent / "_bundled"] if spec and spec.origin else []
    places += [Path(named)] if (named := sysconfig.get_config_var("WHEEL_PKG_DIR")) else []
    for folder in (*places, DEBIANS):
        for wheel in sorted(folder.glob("pip-*.whl"), reverse=True):
            version = wheel.name.split("-")[1]
            if _new(version):
                return str(wheel), version
    return None


def _new(version: str | None) -> bool:
    try:
        return Version(version or "0") >= Version(OLDEST)
    except InvalidVersion:
        return False


def plain_settings(pip: Pip) -> dict[str, str]:
    """Proxies, certificates and patience as pip is configured, as variables."""
    carried = ("cert", "client-cert", "proxy", "timeout", "retries", "trusted-host")
    found: dict[str, str] = {}
    try:
        said = pip.run(["config", "list"])
    except PipFailed:
        return found
    for line in said:
        key, _, value = line.partition("=")
        name = key.rpartition(".")[2].strip()
        if name in carried:
            found[f"PIP_{name.upper().replace('-', '_')}"] = value.strip().strip("'\"")
    return found


def in_place(facts: Facts) -> bool:
    """Whether the tool lives in the environment that it repairs."""
    return os.path.realpath(sys.prefix) == os.path.realpath(facts.interpreter.prefix)
