"""Stations as Ray actors: `--ray`. Ray itself is the extra `parakeet-cli[ray]`.

Each actor holds one engine on a GPU of its own, or on a share of the cores. Ray retries
nothing here: the dispatcher does, as with processes, and the journal is the driver's.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Thread
from types import TracebackType
from typing import Any

from parakeet_cli import __version__
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.errors import EngineUnavailable, ParakeetError, UsageError
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.workers.dispatcher import A_MOMENT, Died, WorkerHandle
from parakeet_cli.transcribe.workers.worker import (
    Dropped,
    Ended,
    Event,
    Reached,
    Ready,
    Setup,
    Unusable,
    Worker,
)

# Which of the driver's variables every node gets. Where the ML interpreter and the
# configuration are is each node's own matter, and credentials are the cluster's.
_PASSED = ("PARAKEET_MOCK_RTF", "PERSONALPARAKEET_USE_MOCK_STT", "PARAKEET_OFFLINE")
_CORES_EACH = 4
_KNOCK_SECONDS = 10.0
_AT_ONCE = 512  # calls that may wait in one actor


def connect(address: str | None, cores: int | None = None) -> Any:
    """Ray, connected: to the cluster named, to RAY_ADDRESS, or to one on this machine alone.

    Raises UsageError where Ray is not installed or nothing answers there.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--ray needs Ray, which is not installed.", hint="pip install 'parakeet-cli[ray]'"
        ) from error
    if ray.is_initialized():
        return ray
    wanted = address or os.environ.get("RAY_ADDRESS")
    if wanted:
        _knock(wanted)
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if wanted:
            passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
            ray.init(address=wanted, runtime_env={"env_vars": passed}, **quiet)
        else:
            ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        where = f"at {wanted}" if wanted else "on this machine"
        raise UsageError(
            f"Ray {where} can't be used: {str(error).splitlines()[0]}",
            hint="`ray status` says whether a cluster is up; without --ray-address, Ray is "
            "started on this machine.",
        ) from error
    return ray


def _knock(address: str) -> None:
    """Raise UsageError where nobody answers: Ray itself would try for minutes."""
    match = re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d+)", address)
    if match is None:
        return  # `auto`, or a form that Ray knows better
    try:
        socket.create_connection((match[1], int(match[2])), _KNOCK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"Ray at {address} can't be used: {error}.",
            hint="`ray status` says whether a cluster is up; without --ray-address, Ray is "
            "started on this machine.",
        ) from error


@dataclass(frozen=True, slots=True)
class Layout:
    """How many actors there are and what each of them gets."""

    count: int
    cores: int
    gpus: float

    @classmethod
    def of(
        cls, nodes: list[dict[str, float]], count: int | None, options: EngineOptions, *, gpu: bool
    ) -> Layout:
        """For these nodes' resources; without a count one actor a GPU, or one for four cores."""
        cpus = [max(1, int(node.get("CPU", 0))) for node in nodes] or [1]
        gpus = sum(node.get("GPU", 0.0) for node in nodes) if gpu else 0.0
        if count is None:
            count = int(gpus) or sum(max(1, number // _CORES_EACH) for number in cpus)
        total = options.threads or sum(cpus)
        # No actor may want more than a node has: it would wait for ever.
        cores = max(1, min(total // count, max(cpus)))
        return cls(count, cores, min(1.0, gpus / count) if gpus else 0.0)


class Actor:
    """A station inside Ray: `hear` is called for as many items at once as it has room for."""

    def __init__(self, setup: Setup) -> None:
        self._waiting: dict[int, Future[Event]] = {}
        self._error: ParakeetError | None = None
        self._stopped = False
        ml_python = os.environ.get("PARAKEET_ML_PYTHON") or setup.engine_options.ml_python
        options = replace(setup.engine_options, ml_python=ml_python)
        try:
            self._station = Worker(replace(setup, engine_options=options), self._told)
        except ParakeetError as error:
            self._error = error
            return
        Thread(target=self._work, daemon=True).start()

    def ready(self, version: str) -> Event:
        if version != __version__:
            return Unusable(
                EngineUnavailable(
                    f"A node has parakeet {__version__}, and this is {version}.",
                    hint="Install the same version on every node.",
                )
            )
        return Unusable(self._error) if self._error else self._station.ready

    def hear(self, item: PlannedFile) -> Event:
        future: Future[Event] = Future()
        self._waiting[item.number] = future
        if self._error is not None:
            return Unusable(self._error)
        if self._stopped:
            return Dropped(item.number)
        self._station.put(item)
        return future.result()

    def stop(self) -> None:
        self._stopped = True
        if self._error is None:
            self._station.stop()
        for number, future in list(self._waiting.items()):
            future.set_result(Dropped(number))

    def _told(self, event: Event) -> None:
        if isinstance(event, Ended):
            self._waiting.pop(event.number).set_result(event)

    def _work(self) -> None:
        try:
            self._station.work()
        except ParakeetError as error:
            self._failed(error)
        except Exception as error:
            self._failed(EngineUnavailable(f"An unexpected {type(error).__name__}: {error}"))

    def _failed(self, error: ParakeetError) -> None:
        self._error = error
        for future in self._waiting.values():
            future.set_result(Unusable(error))


class RayWorkerHandle:
    """One actor, from where the driver sits."""

    def __init__(self, crew: RayWorkerPool, actor: Any) -> None:
        self._crew = crew
        self.actor = actor

    def give(self, item: PlannedFile) -> None:
        self._crew.await_(self.actor.hear.remote(_absolute(item)), self)


class RayWorkerPool:
    """Actors of a cluster."""

    def __init__(self, ray: Any, setup: Setup, layout: Layout) -> None:
        self._ray = ray
        options = replace(setup.engine_options, threads=layout.cores, progress=False)
        # An engine sees what Ray gave to its actor, and calls it the first.
        device = "auto" if layout.gpus and options.device.startswith("cuda") else options.device
        self._setup = ray.put(replace(setup, engine_options=replace(options, device=device)))
        self._layout = layout
        self._refs: dict[Any, RayWorkerHandle] = {}

    def __enter__(self) -> RayWorkerPool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for hand in set(self._refs.values()):
            with contextlib.suppress(Exception):
                self._ray.kill(hand.actor)
        self._ray.shutdown()

    def start(self) -> WorkerHandle:
        made = self._ray.remote(Actor).options(
            num_cpus=self._layout.cores,
            num_gpus=self._layout.gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=_AT_ONCE,
        )
        hand = RayWorkerHandle(self, made.remote(self._setup))
        self.await_(hand.actor.ready.remote(__version__), hand)
        return hand

    def await_(self, ref: Any, hand: RayWorkerHandle) -> None:
        self._refs[ref] = hand

    def stop(self) -> None:
        for hand in set(self._refs.values()):
            hand.actor.stop.remote()

    def events(self) -> Iterator[tuple[WorkerHandle, Event | Died]]:
        done, _ = self._ray.wait(list(self._refs), num_returns=1, timeout=A_MOMENT)
        for ref in done:
            hand = self._refs.pop(ref)
            try:
                event: Event | Died = self._ray.get(ref)
            except self._ray.exceptions.RayActorError as error:
                # All that this actor had in hand ends with it, and is told of once.
                self._refs = {one: other for one, other in self._refs.items() if other != hand}
                event = Died(_how(error))
            yield hand, event


def _how(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if "Error:" in line or "SIG" in line]
    return (causes or lines or ["its actor died"])[-1].rstrip(".")


def _absolute(item: PlannedFile) -> PlannedFile:
    """With paths that mean the same in another process's working directory."""
    job = item.job
    path = os.path.abspath(job.path) if isinstance(job.path, str) else job.path
    paths = tuple(
        (form, os.path.abspath(one) if isinstance(one, str) else one) for form, one in item.paths
    )
    return item._replace(job=job._replace(path=path, root=None), paths=paths)


def node_resources(ray: Any) -> list[dict[str, float]]:
    """What each node that is alive has."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


__all__ = ["Layout", "RayWorkerPool", "Reached", "Ready", "connect", "node_resources"]
