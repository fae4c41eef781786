"""Stations in processes on this machine: `--workers`."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType

import parakeet_cli
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.workers.dispatcher import A_MOMENT, Died, WorkerHandle
from parakeet_cli.transcribe.workers.worker import Event, Setup

ENTRY = "from parakeet_cli.transcribe.workers.worker import main; main()"


class Process:
    """One station's process."""

    def __init__(self, setup: Setup, place: int) -> None:
        ours, theirs = socket.socketpair()
        # The same modules as here, whatever the folder or the environment says.
        paths = [str(Path(parakeet_cli.__file__).parent.parent), *filter(None, sys.path)]
        code = f"import sys; sys.path[:] = {paths!r}; {ENTRY}"
        command = [sys.executable, "-c", code, str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,  # Ctrl-C is the driver's to deal with
            )
        self.place = place
        self.connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # it died at once, which `receive` says
            self.connection.send(setup)

    def give(self, item: PlannedFile) -> None:
        with contextlib.suppress(OSError):
            self.connection.send(item)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.send(None)

    def receive(self) -> Event | Died:
        try:
            event: Event = self.connection.recv()
        except (EOFError, OSError):
            return Died(self._death())
        return event

    def _death(self) -> str:
        self.connection.close()
        code = self._process.wait()
        if code >= 0:
            return f"it ended with exit code {code}"
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it was ended by signal {-code}"

    def end(self) -> None:
        """It ends when its connection does; it is not waited for."""
        self.connection.close()
        self._process.poll()


class Workers:
    """`count` processes at most, which share the cores and the GPUs of this machine."""

    def __init__(self, setup: Setup, count: int, gpus: tuple[str, ...] = ()) -> None:
        self._setup = setup
        self._count = count
        self._gpus = gpus
        self._processes: list[Process] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in self._processes:
            process.end()

    def start(self) -> WorkerHandle:
        taken = {process.place for process in self._processes}
        place = min(set(range(self._count)) - taken)
        options = share(self._setup.engine_options, place, self._count, self._gpus)
        process = Process(replace(self._setup, engine_options=options), place)
        self._processes.append(process)
        return process

    def stop(self) -> None:
        for process in self._processes:
            process.stop()

    def events(self) -> Iterator[tuple[WorkerHandle, Event | Died]]:
        ready = wait([process.connection for process in self._processes], A_MOMENT)
        for process in [one for one in self._processes if one.connection in ready]:
            event = process.receive()
            if isinstance(event, Died):
                self._processes.remove(process)
            yield process, event


def share(
    options: EngineOptions, place: int, count: int, gpus: tuple[str, ...] = ()
) -> EngineOptions:
    """What one of `count` engines may use: its part of the cores, and one GPU of all."""
    extra = 1 if place < options.cores % count else 0
    cores = max(1, options.cores // count + extra)
    device = options.device
    if gpus and device in ("auto", "cuda"):
        device = gpus[place % len(gpus)]
    return replace(options, threads=cores, device=device, progress=False)


def visible_gpus() -> tuple[str, ...]:
    """`cuda:0` and so on for each GPU this process may use, by the driver's own word."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        count = len([one for one in visible.split(",") if one.strip() not in ("", "-1")])
        return tuple(f"cuda:{number}" for number in range(count))
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = [line for line in done.stdout.splitlines() if line.startswith("GPU ")]
    return tuple(f"cuda:{number}" for number in range(len(lines))) if not done.returncode else ()


_CORES_EACH = 4  # one process keeps about as many busy before its own lock holds it up
_MEMORY_EACH = 2 << 30  # bytes: a small model with room for its work


def automatic(options: EngineOptions, gpus: tuple[str, ...], items: int) -> int:
    """One owner for each GPU; on a CPU by cores and memory. Never more than items."""
    if gpus and options.device != "cpu":
        wanted = 1 if options.device.startswith("cuda:") else len(gpus)
    else:
        wanted = min(options.cores // _CORES_EACH, _available_memory() // _MEMORY_EACH)
    return max(1, min(wanted, items))


def _available_memory() -> int:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
