"""D-Bus daemons of a test's own, and services on them that the test answers for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.integration.dictate.desktop import end, needs, session, until

SERVICES = Path(__file__).parent / "bus_services.py"
# How a real bus is set up, but for who may start what.
CONFIGURATION = """
<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class Service:
    """A process that answers for a service; `tell` has it act, `logged` is what it was asked."""

    def __init__(self, kind: str, address: str, log: Path, *arguments: str) -> None:
        self._log = log
        self.process = subprocess.Popen(
            [sys.executable, str(SERVICES), kind, address, str(log), *arguments],
            stdin=subprocess.PIPE,
            env=session(),
            start_new_session=True,
        )
        assert until(lambda: bool(self.logged("ready"))), f"{kind} did not come up"

    def tell(self, *what: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(what).encode() + b"\n")
        self.process.stdin.flush()

    def logged(self, what: str) -> list[list[Any]]:
        lines = self._log.read_text(encoding="utf-8").splitlines() if self._log.exists() else []
        return [entry[1:] for line in lines if (entry := json.loads(line))[0] == what]

    def close(self) -> None:
        end(self.process)


@contextmanager
def bus(folder: Path) -> Iterator[str]:
    """The address of a bus without any service."""
    needs("dbus-daemon")
    folder.mkdir(exist_ok=True)
    configuration = folder / "bus.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder), encoding="utf-8")
    daemon = subprocess.Popen(
        ["dbus-daemon", "--nofork", "--print-address", f"--config-file={configuration}"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert daemon.stdout is not None
        yield daemon.stdout.readline().decode().strip()
    finally:
        end(daemon)
