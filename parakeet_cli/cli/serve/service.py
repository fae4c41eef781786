"""Installs the command that runs now as a service, and says what to type about it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.errors import ExitCode
from parakeet_cli.setup.service import (
    Service,
    install_service,
    lasting_environment,
    this_command,
    unit_name,
)


def install_this_command(
    kind: str, about: str, description: str, grace: float, more: Mapping[str, str]
) -> ExitCode:
    """Make it a service, without running it here. FAILED if systemd didn't start it.

    `grace` is how many seconds its end may take; `more` are commands to show, by their purposes.
    """
    service = Service(
        unit_name(kind, about),
        description,
        this_command(("--install-service",)),
        str(Path.cwd()),
        lasting_environment(os.environ),
        grace,
    )
    installed = install_service(service, os.environ)
    console.note(f"Written: {installed.path}")
    if installed.failure is not None:
        console.note(f"systemd didn't start it: {installed.failure}.", style="bold red")
        console.note(f"  systemctl --user enable --now {service.name}")
        return ExitCode.FAILED
    console.note(f"{service.name} runs, and starts again whenever you log in.")
    shown = {
        "what it says": f"journalctl --user -u {service.name} -f",
        **more,
        "runs also while you are logged out": "loginctl enable-linger",
        "ends it for good": f"systemctl --user disable --now {service.name}",
    }
    for purpose, command in shown.items():
        console.note(f"  {command}   # {purpose}")
    return ExitCode.OK
