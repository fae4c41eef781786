"""Starts workers as Ray actors: `--ray`. Ray itself comes with the extra `ray`.

Each actor has one engine on a GPU of its own, or on a share of the cores. Ray retries
nothing here: the dispatcher does, as with processes, and the driver writes the journal.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from threading import Thread
from typing import Any

from parakeet_cli import __version__
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.errors import EngineUnavailable, ParakeetError, UsageError, describe_unexpected
from parakeet_cli.system import telemetry
from parakeet_cli.system.install_command import install_command
from parakeet_cli.system.processes import TERMINATIONS
from parakeet_cli.transcribe.outputs.plan import PlannedFile
from parakeet_cli.transcribe.workers.dispatcher import POLL_SECONDS, WorkerDied, WorkerHandle
from parakeet_cli.transcribe.workers.worker import (
    CORES_EACH,
    Dropped,
    Finished,
    Loaded,
    Unusable,
    Worker,
    WorkerEvent,
    WorkerSetup,
)

# The driver's variables that every node gets. Each node has its own ML interpreter and
# configuration, and the cluster has the credentials.
_PASSED = (
    "PARAKEET_MOCK_RTF",
    "PARAKEET_MOCK_VAD",
    "PERSONALPARAKEET_USE_MOCK_STT",
    "PARAKEET_OFFLINE",
)
# Whether Ray uses the machine's own address, to which other nodes can connect: by default, except
# on Windows and macOS, which gave the variable its name.
_CLUSTERS = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
_CONNECT_SECONDS = _ANSWER_SECONDS = 3.0
_TLS = "RAY_USE_TLS"
_LOG_LEVEL = "RAY_BACKEND_LOG_LEVEL"
# Ray's ports speak gRPC, in which both sides begin with settings (RFC 9113, 3.4).
_HTTP2_FRAME = 9  # bytes of a frame's header; the fourth is its type
_HTTP2_SETTINGS = b"\x04"
_HTTP2_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + _HTTP2_SETTINGS + bytes(5)
_OUT_OF_MEMORY = "Ray ended it because the node's memory was used up"
_MAX_CALLS = 512  # that may wait in one actor


def connect(address: str | None, cores: int | None = None) -> Any:
    """Connect to the cluster at `address` or RAY_ADDRESS, else start Ray on this machine.

    Returns the module `ray`. Raises UsageError if Ray isn't installed or nothing answers.
    """
    wanted = address or os.environ.get("RAY_ADDRESS")
    if wanted:
        _check_port(wanted)
    else:
        # Before the import. Ray's processes then listen on loopback alone, and not on every
        # network of this machine, where others could give them work.
        os.environ[_CLUSTERS] = "0"
    # Its core, in C++, would write to this process's stderr, too.
    os.environ.setdefault(_LOG_LEVEL, "fatal")
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--ray needs Ray, which is not installed.", hint=install_command("ray")
        ) from error
    if ray.is_initialized():
        return ray
    ends = {number: signal.getsignal(number) for number in TERMINATIONS}
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        if wanted:
            passed = {name: os.environ[name] for name in _PASSED if name in os.environ}
            # The cluster's own processes were started by someone else, with or without these.
            variables = {**passed, **telemetry.SWITCHES}
            ray.init(address=wanted, runtime_env={"env_vars": variables}, **quiet)
        else:
            ray.init(address="local", num_cpus=cores, include_dashboard=False, **quiet)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        where = f"at {wanted}" if wanted else "on this machine"
        raise _unusable(where, str(error).splitlines()[0]) from error
    finally:
        for number, handler in ends.items():  # Ray would end the driver at once
            signal.signal(number, handler)
    return ray


def _check_port(address: str) -> None:
    """Raise UsageError if nothing listens there, or not Ray: Ray itself would try for minutes."""
    match = re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d+)", address)
    if match is None:
        return  # `auto`, or a form that Ray knows better
    try:
        with socket.create_connection((match[1], int(match[2])), _CONNECT_SECONDS) as connection:
            if os.environ.get(_TLS, "0").lower() in ("1", "true"):
                return  # a greeting would need Ray's certificates
            connection.settimeout(_ANSWER_SECONDS)
            connection.sendall(_HTTP2_GREETING)
            answer = connection.recv(_HTTP2_FRAME, socket.MSG_WAITALL)
    except TimeoutError as error:
        raise _unusable(f"at {address}", "nothing answers there.") from error
    except (OSError, OverflowError) as error:
        raise _unusable(f"at {address}", f"{error}.") from error
    if answer[3:4] != _HTTP2_SETTINGS:
        raise _unusable(f"at {address}", "something else than Ray listens there.")


def _unusable(where: str, cause: str) -> UsageError:
    return UsageError(
        f"Ray {where} can't be used: {cause}",
        hint="`ray status` shows whether a cluster is up; without --ray-address, Ray is "
        "started on this machine.",
    )


@dataclass(frozen=True, slots=True)
class ActorLayout:
    """How many actors there are, and the cores and GPUs of each."""

    count: int
    cores: int
    gpus: float

    @classmethod
    def of(
        cls, nodes: list[dict[str, float]], count: int | None, options: EngineOptions, *, gpu: bool
    ) -> ActorLayout:
        """For the resources of these nodes. Without a count: one actor a GPU, or a few cores."""
        cpus = [max(1, int(node.get("CPU", 0))) for node in nodes] or [1]
        gpus = sum(node.get("GPU", 0.0) for node in nodes) if gpu else 0.0
        if count is None:
            count = int(gpus) or sum(max(1, number // CORES_EACH) for number in cpus)
        total = options.threads or sum(cpus)
        # An actor that wants more than any node has would wait forever.
        cores = max(1, min(total // count, max(cpus)))
        return cls(count, cores, min(1.0, gpus / count) if gpus else 0.0)


class Actor:
    """A worker inside Ray: `transcribe` is called for as many items at once as it has room for."""

    def __init__(self, setup: WorkerSetup) -> None:
        self._waiting: dict[int, Future[WorkerEvent]] = {}
        self._error: ParakeetError | None = None
        self._loaded: Future[WorkerEvent] = Future()
        self._stopped = False
        ml_python = os.environ.get("PARAKEET_ML_PYTHON") or setup.engine_options.ml_python
        options = replace(setup.engine_options, ml_python=ml_python)
        try:
            self._worker = Worker(replace(setup, engine_options=options), self._receive)
        except ParakeetError as error:
            self._error = error
            return
        Thread(target=self._work, daemon=True).start()

    def ready(self, version: str) -> WorkerEvent:
        if version != __version__:
            return Unusable(
                EngineUnavailable(
                    f"A node has parakeet {__version__}, and this is {version}.",
                    hint="Install the same version on every node.",
                )
            )
        return Unusable(self._error) if self._error else self._worker.ready

    def loaded(self) -> WorkerEvent:
        """Waits until the model is loaded."""
        return Unusable(self._error) if self._error else self._loaded.result()

    def transcribe(self, item: PlannedFile) -> WorkerEvent:
        future: Future[WorkerEvent] = Future()
        self._waiting[item.number] = future
        if self._error is not None:
            return Unusable(self._error)
        if self._stopped:
            return Dropped(item.number)
        self._worker.put(item)
        return future.result()

    def wind_down(self) -> None:
        self._stopped = True
        if self._error is None:
            self._worker.wind_down()

    def stop(self) -> None:
        self._stopped = True
        if self._error is None:
            self._worker.stop()
        for number, future in list(self._waiting.items()):
            if not future.done():
                future.set_result(Dropped(number))

    def _receive(self, event: WorkerEvent) -> None:
        if isinstance(event, Loaded):
            self._loaded.set_result(event)
        elif isinstance(event, Finished | Dropped):
            self._waiting.pop(event.number).set_result(event)

    def _work(self) -> None:
        try:
            self._worker.work()
        except ParakeetError as error:
            self._fail(error)
        except Exception as error:
            self._fail(EngineUnavailable(f"An {describe_unexpected(error)}"))

    def _fail(self, error: ParakeetError) -> None:
        self._error = error
        if not self._loaded.done():
            self._loaded.set_result(Unusable(error))
        for future in self._waiting.values():
            future.set_result(Unusable(error))


class RayWorkerHandle:
    """The driver's side of one actor."""

    def __init__(self, pool: RayWorkerPool, actor: Any) -> None:
        self._pool = pool
        self.actor = actor

    def give(self, item: PlannedFile) -> None:
        self._pool.expect(self.actor.transcribe.remote(_with_absolute_paths(item)), self)


class RayWorkerPool:
    """The actors of a cluster."""

    reports_progress = False

    def __init__(self, ray: Any, setup: WorkerSetup, layout: ActorLayout) -> None:
        self._ray = ray
        sharers = max(1, round(1 / layout.gpus)) if layout.gpus else 1
        options = replace(
            setup.engine_options, threads=layout.cores, progress=False, sharers=sharers
        )
        # An engine sees only the GPU that Ray gave to its actor, as the first one.
        device = "auto" if layout.gpus and options.device.startswith("cuda") else options.device
        self._setup = ray.put(
            replace(
                setup,
                engine_options=replace(options, device=device),
                max_items=min(setup.max_items, _MAX_CALLS // 2),
            )
        )
        self._layout = layout
        self._refs: dict[Any, RayWorkerHandle] = {}
        self._killed: list[WorkerHandle] = []  # whose end is to be reported

    def __enter__(self) -> RayWorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in set(self._refs.values()):
            with contextlib.suppress(Exception):
                self._ray.kill(worker.actor)
        self._ray.shutdown()

    def start(self) -> WorkerHandle:
        actor_class = self._ray.remote(Actor).options(
            num_cpus=self._layout.cores,
            num_gpus=self._layout.gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=_MAX_CALLS,
        )
        worker = RayWorkerHandle(self, actor_class.remote(self._setup))
        self.expect(worker.actor.ready.remote(__version__), worker)
        self.expect(worker.actor.loaded.remote(), worker)
        return worker

    def expect(self, ref: Any, worker: RayWorkerHandle) -> None:
        """Yield the result of a call from `events` when it comes."""
        self._refs[ref] = worker

    def kill(self, worker: WorkerHandle) -> None:
        """End an actor, and don't wait: its process may be in a state in which Ray can't end it."""
        self._killed.append(worker)
        self._refs = {ref: other for ref, other in self._refs.items() if other != worker}
        assert isinstance(worker, RayWorkerHandle)
        self._ray.kill(worker.actor, no_restart=True)

    def wind_down(self) -> None:
        for worker in set(self._refs.values()):
            worker.actor.wind_down.remote()

    def stop(self) -> None:
        for worker in set(self._refs.values()):
            worker.actor.stop.remote()

    def events(self) -> Iterator[tuple[WorkerHandle, WorkerEvent | WorkerDied]]:
        while self._killed:
            yield self._killed.pop(), WorkerDied("it was ended")
        if not self._refs:
            time.sleep(POLL_SECONDS)
            return
        done, _ = self._ray.wait(list(self._refs), num_returns=1, timeout=POLL_SECONDS)
        for ref in done:
            worker = self._refs.pop(ref)
            try:
                event: WorkerEvent | WorkerDied = self._ray.get(ref)
            except self._ray.exceptions.RayTaskError:
                raise  # a fault of ours
            except self._ray.exceptions.RayError as error:  # its process, its node, its memory
                # All calls of this actor end with it, and one event stands for them.
                self._refs = {one: other for one, other in self._refs.items() if other != worker}
                memory = isinstance(error, self._ray.exceptions.OutOfMemoryError)
                event = WorkerDied(_OUT_OF_MEMORY if memory else _cause(error))
            yield worker, event


def _cause(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if "Error:" in line or "SIG" in line]
    return (causes or lines or ["its actor died"])[-1].rstrip(".")


def _with_absolute_paths(item: PlannedFile) -> PlannedFile:
    """The item with paths that mean the same in any working folder."""
    job = item.job
    path = os.path.abspath(job.path) if isinstance(job.path, str) else job.path
    paths = tuple(
        (form, os.path.abspath(one) if isinstance(one, str) else one) for form, one in item.paths
    )
    return item._replace(job=job._replace(path=path, root=None), paths=paths)


def node_resources(ray: Any) -> list[dict[str, float]]:
    """The resources of each node that is alive: CPU and GPU by number."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
