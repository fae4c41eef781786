"""A daemon around a dictation that only writes down the calls it gets."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from parakeet_cli.dictate.daemon.lock import DaemonLock
from parakeet_cli.dictate.daemon.paths import DaemonPaths
from parakeet_cli.dictate.daemon.server import Server
from parakeet_cli.errors import EngineError, ParakeetError


class FakeDictation:
    """A `Controllable` that writes each call to a file, one a line."""

    def __init__(self, calls: Path) -> None:
        self._calls = calls
        self._listening = False
        self._loaded = True

    def begin(self, profile: str | None = None) -> None:
        self._listening = self._loaded = True
        self._call("begin")

    def finish(self) -> None:
        self._call("finish")
        self._listening = False
        if self._calls.with_name("fails").exists():
            raise EngineError("The engine fell over.", hint="Pick it up.")

    def discard(self) -> None:
        self._listening = False
        self._call("discard")

    def state(self) -> Mapping[str, object]:
        return {"listening": self._listening, "loaded": self._loaded}

    def check(self) -> None:
        """Nothing stands ready here."""

    def unload(self) -> None:
        self._loaded = False
        self._call("unload")

    def quit(self) -> None:
        self._call("quit")

    def _call(self, name: str) -> None:
        with self._calls.open("a", encoding="utf-8") as calls:
            calls.write(f"{name}\n")


def paths_in(folder: Path) -> DaemonPaths:
    return DaemonPaths(folder / "dictate.sock", folder / "dictate.lock", folder / "dictate.log")


def main(folder: Path, idle_unload: float | None) -> None:
    lock = DaemonLock(paths_in(folder).lock)
    try:
        lock.acquire()
    except ParakeetError as error:
        sys.exit(f"{error} {error.hint}")
    server = Server(
        FakeDictation(folder / "calls"), paths_in(folder), lock, idle_unload=idle_unload
    )
    server.serve(lambda: print("ready", flush=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]) if sys.argv[2:] else None)
