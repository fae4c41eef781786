"""Installs commands as services of systemd for the user: `--install-service`.

A user's service needs no rights, ends with the session unless lingering is on, and has the user's
own files. A unit runs the command as it was typed, in the folder in which it was.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from parakeet_cli.errors import OutputError, UsageError, system_hint
from parakeet_cli.system.files import atomic_writer
from parakeet_cli.system.processes import parakeet_command

# What decides how the command works, and may be written into a file: no token and no key is.
_VARIABLES = re.compile(
    r"PATH|LANG|LC_ALL|(PARAKEET|PERSONALPARAKEET)_\w+|XDG_(CONFIG|DATA|CACHE|STATE)_HOME"
    r"|HF_(HOME|HUB_CACHE|HUB_OFFLINE)|CUDA_VISIBLE_DEVICES|TMPDIR|VIRTUAL_ENV"
)
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD")
_INTERRUPTED = (129, 130, 143)  # the exit codes of signals, which are a service's usual end
_USAGE = 2  # the exit code of options that no restart makes right
_RESTART_SECONDS = 30
_LONGEST_NAME = 200  # characters of a unit's name; systemd takes 255 with its suffix
_SPARE_SECONDS = 10.0  # after the grace, before systemd kills
_SYSTEMCTL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Service:
    """A command that systemd runs for the user. `name` is the unit's, without `.service`."""

    name: str
    description: str
    command: tuple[str, ...]
    folder: str  # that it runs in
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_seconds: float = 25.0  # that its end may take

    @property
    def file(self) -> str:
        return f"{self.name}.service"


@dataclass(frozen=True, slots=True)
class Installed:
    """A unit that was written, and why systemd didn't start it; None if it did."""

    path: Path
    failure: str | None


def this_command(leaving_out: Sequence[str]) -> tuple[str, ...]:
    """The command that runs now, without these arguments, as a service can start it."""
    arguments = [one for one in sys.argv[1:] if one not in leaving_out]
    script = Path(sys.argv[0])
    if script.name == "parakeet" and os.access(script, os.X_OK):
        return (os.path.abspath(script), *arguments)  # a link stays one
    return tuple(parakeet_command(*arguments))


def unit_name(kind: str, about: str) -> str:
    """A name of a unit that is the same for the same thing: `parakeet-watch-srv-talks`.

    What `about` is can be told by the name; else a part of its SHA-256 keeps it from being that of
    another thing, whose unit would be replaced.
    """
    words = re.sub(r"[^A-Za-z0-9_.]+", "-", about).strip("-.")
    name = f"parakeet-{kind}-{words}" if words else f"parakeet-{kind}"
    if about in (words, "/" + words.replace("-", "/")) and len(name) <= _LONGEST_NAME:
        return name
    mark = hashlib.sha256(os.fsencode(about)).hexdigest()[:8]
    return f"{name[: _LONGEST_NAME - 9]}-{mark}"


def lasting_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that the command needs as a service, too."""
    return {
        name: value
        for name, value in sorted(environment.items())
        if _VARIABLES.fullmatch(name) and not _SECRET.search(name)
    }


def unit_text(service: Service) -> str:
    """The unit's file. Raises UsageError for what a unit can't hold."""
    lines = [
        "[Unit]",
        f"Description={_plain(service.description, end='.')}",
        "",
        "[Service]",
        "Type=exec",
        f"WorkingDirectory={_plain(service.folder, end='/')}",
        *(
            f"Environment={_quoted(f'{name}={value}', shell=False)}"
            for name, value in service.environment.items()
        ),
        f"ExecStart={' '.join(map(_quoted, service.command))}",
        # The engine's processes are ended by the command, which finishes what was begun.
        "KillMode=mixed",
        f"TimeoutStopSec={service.stop_seconds + _SPARE_SECONDS:g}",
        f"SuccessExitStatus={' '.join(map(str, _INTERRUPTED))}",
        "Restart=on-failure",
        f"RestartSec={_RESTART_SECONDS}",
        f"RestartPreventExitStatus={_USAGE}",
        "",
        "[Install]",
        "WantedBy=default.target",
        "",
    ]
    return "\n".join(lines)


def units_folder(environment: Mapping[str, str]) -> Path:
    """Where the user's own units are."""
    home = environment.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(home) / "systemd" / "user"


def install_service(service: Service, environment: Mapping[str, str]) -> Installed:
    """Write the unit, have systemd start it now and at each login. Raises OutputError, UsageError.

    A unit of the same name is replaced and started again.
    """
    if sys.platform != "linux":
        raise UsageError("--install-service makes a service of systemd, which is Linux' alone.")
    path = units_folder(environment) / service.file
    text = unit_text(service)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_writer(path, mode=0o600) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise OutputError(
            f"{path} can't be written: {error.strerror}.", hint=system_hint(error)
        ) from error
    for arguments in (("daemon-reload",), ("enable", service.file), ("restart", service.file)):
        failure = _systemctl(*arguments)
        if failure is not None:
            return Installed(path, failure)
    return Installed(path, None)


def _systemctl(*arguments: str) -> str | None:
    """Why systemd didn't do it; None if it did."""
    program = shutil.which("systemctl")
    if program is None:
        return "systemctl is not installed"
    try:
        done = subprocess.run(
            [program, "--user", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SYSTEMCTL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).decode("utf-8", "replace").strip()
    return said.rpartition("\n")[2] or f"systemctl ended with exit code {done.returncode}"


def _plain(text: str, *, end: str) -> str:
    """A value that systemd takes to the line's end, with its specifiers escaped.

    `end` follows a last blank, which would be left out, and a last backslash, which would have the
    next line be a part of this one.
    """
    _refuse_lines(text)
    if text.endswith("\\") or text != text.rstrip():
        text += end
    return text.replace("%", "%%")


def _quoted(word: str, *, shell: bool = True) -> str:
    """One word of a command line or of the environment, as systemd reads it.

    `$` begins a variable in a command line alone.
    """
    _refuse_lines(word)
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    if shell:
        word = word.replace("$", "$$")
    return f'"{word}"'


def _refuse_lines(text: str) -> None:
    if "\n" in text or "\r" in text:
        raise UsageError(
            f"A service can't have a line's end in its command: {text!r}.",
            hint="Put the command into a script, and name that.",
        )
