"""Starts workers in processes on this machine: `--workers`."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.system.hardware import available_memory, memory_kills, visible_device
from parakeet_cli.system.processes import exit_in_words, python_command
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.workers.dispatcher import POLL_SECONDS, WorkerDied, WorkerHandle
from parakeet_cli.transcribe.workers.worker import CORES_EACH, WIND_DOWN, WorkerEvent, WorkerSetup

ENTRY = "from parakeet_cli.transcribe.workers.worker import main; main()"
_MEMORY_EACH = 2 << 30  # bytes: for a small model and its work


class WorkerProcess:
    """One worker's process."""

    def __init__(self, setup: WorkerSetup, position: int, gpus: tuple[str, ...] = ()) -> None:
        _, environment = _gpu_of(position, gpus)
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                python_command(ENTRY, str(theirs.fileno())),
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **environment},
                process_group=0,  # so that Ctrl-C reaches the dispatcher alone
            )
        self._memory_kills = memory_kills()
        self.position = position  # among the pool's processes: which cores and GPU are its own
        self.connection = Connection(ours.detach())
        with contextlib.suppress(OSError):  # it died at once, which `receive` reports
            self.connection.send(setup)

    def give(self, item: PlannedFile) -> None:
        with contextlib.suppress(OSError):
            self.connection.send(item)

    def wind_down(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.send(WIND_DOWN)

    def stop(self) -> None:
        with contextlib.suppress(OSError):
            self.connection.send(None)

    def receive(self) -> WorkerEvent | WorkerDied:
        """The next event; waits for it."""
        try:
            event: WorkerEvent = self.connection.recv()
        except (EOFError, OSError):
            self.connection.close()
            code = self._process.wait()
            if code == -signal.SIGKILL and memory_kills() != self._memory_kills:
                return WorkerDied("the system ended it because memory was used up")
            return WorkerDied(f"it {exit_in_words(code)}")
        return event

    def kill(self) -> None:
        """End the process and all that it started, whatever state they are in."""
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        """Close the connection, which ends the process. Doesn't wait for its end."""
        self.connection.close()
        self._process.poll()


class LocalWorkerPool:
    """At most `count` processes, which share this machine's cores and the `gpus`."""

    reports_progress = True

    def __init__(self, setup: WorkerSetup, count: int, gpus: tuple[str, ...] = ()) -> None:
        self._setup = setup
        self._count = count
        self._gpus = gpus
        self._processes: list[WorkerProcess] = []

    def __enter__(self) -> LocalWorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.end()

    def start(self) -> WorkerHandle:
        taken = {process.position for process in self._processes}
        position = min(set(range(self._count)) - taken)
        options = share_of(self._setup.engine_options, position, self._count, self._gpus)
        process = WorkerProcess(replace(self._setup, engine_options=options), position, self._gpus)
        self._processes.append(process)
        return process

    def kill(self, worker: WorkerHandle) -> None:
        for process in self._processes:
            if process is worker:
                process.kill()

    def wind_down(self) -> None:
        for process in self._processes:
            process.wind_down()

    def stop(self) -> None:
        for process in self._processes:
            process.stop()

    def events(self) -> Iterator[tuple[WorkerHandle, WorkerEvent | WorkerDied]]:
        ready = wait([process.connection for process in self._processes], POLL_SECONDS)
        for process in [one for one in self._processes if one.connection in ready]:
            event = process.receive()
            if isinstance(event, WorkerDied):
                self._processes.remove(process)
            yield process, event


def share_of(
    options: EngineOptions, position: int, count: int, gpus: tuple[str, ...] = ()
) -> EngineOptions:
    """The options of one of `count` engines: its share of the cores, and one of the GPUs."""
    extra = 1 if position < options.cores % count else 0
    cores = max(1, options.cores // count + extra)
    device, sharers = options.device, count
    if gpus and device in ("auto", "cuda"):
        device, _ = _gpu_of(position, gpus)
        sharers = len(range(position % len(gpus), count, len(gpus)))
    return replace(options, threads=cores, device=device, progress=False, sharers=sharers)


def _gpu_of(position: int, gpus: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The device of the worker at that position, and what its environment needs for it."""
    return visible_device(gpus[position % len(gpus)]) if gpus else ("auto", {})


def automatic_count(options: EngineOptions, gpus: tuple[str, ...], items: int) -> int:
    """One worker for each GPU; on a CPU by cores and memory. Never more than items."""
    if gpus and options.device != "cpu":
        count = 1 if options.device.startswith("cuda:") else len(gpus)
    else:
        count = min(options.cores // CORES_EACH, available_memory() // _MEMORY_EACH)
    return max(1, min(count, items))
