"""Finds the engine that another process of the user shares, or owns one and shares it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Condition, Lock, Thread

from parakeet_cli.engines.base import ChunkResult, Engine
from parakeet_cli.engines.shared.engine import SharedEngine
from parakeet_cli.engines.shared.fair_queue import Priority
from parakeet_cli.engines.shared.host import EngineHost
from parakeet_cli.engines.shared.owner import EngineOwner, State
from parakeet_cli.engines.shared.paths import EnginePaths, engine_paths
from parakeet_cli.engines.shared.remote import RemoteEngine
from parakeet_cli.engines.shared.request import (
    EngineAccess,
    EngineProperties,
    EngineRequest,
    EngineSetup,
)
from parakeet_cli.errors import EngineUnavailable, ParakeetError

_LISTENING_SECONDS = 0.2  # in which a process that has the lock begins to listen
_STARTING_SECONDS = 2.0  # that the end waits for what is about to start
_log = logging.getLogger(__name__)


def find_engine(
    setup: EngineSetup, client: str, *, priority: Priority = Priority.BATCH
) -> Engine | None:
    """The engine that another process shares, for one client; None if nobody shares it.

    What it had when that process ended is given to the engine that is used then. Its `close`
    leaves it.
    """
    common = CommonEngine.found(setup, engine_paths())
    return None if common is None else _for_one_client(common, setup, client, priority)


def find_or_offer(
    setup: EngineSetup,
    client: str,
    access: EngineAccess,
    *,
    priority: Priority = Priority.BATCH,
) -> Engine | EngineHost | None:
    """The engine that another process shares, as in `find_engine`; else the offer of `access`.

    What `access` leads to needn't be made yet. None if nothing can be shared here, or another
    process shares another engine.
    """
    paths = engine_paths()
    for pause in (0.0, _LISTENING_SECONDS):
        time.sleep(pause)
        common = CommonEngine.found(setup, paths)
        if common is not None:
            return _for_one_client(common, setup, client, priority)
        host = EngineHost.offer(access, setup, paths)
        if host is not None or paths is None:
            return host
    return None


@contextmanager
def common_engine(setup: EngineSetup, client: str) -> Iterator[Engine]:
    """The engine that another process shares, else one of this process, which shares it.

    It serves what arrives while nobody waits for it: Priority.BATCH. At the end of the block the
    others load their own. Raises EngineUnavailable, UsageError.
    """
    common = CommonEngine(setup, engine_paths())
    try:
        common.start()
        yield _for_one_client(common, setup, client, Priority.BATCH)
    finally:
        common.stop()


def _for_one_client(
    common: CommonEngine, setup: EngineSetup, client: str, priority: Priority
) -> SharedEngine:
    return SharedEngine(
        common,
        client,
        priority=priority,
        adjustment=setup.own_adjustment,
        attempts=2,
        on_close=common.stop,
    )


class CommonEngine:
    """An `EngineAccess` to the one engine of the user's processes, wherever it is loaded.

    If the process that shares it ends, what it had raises OwnerEnded, and this process loads its
    own, or uses the next one that is shared. `paths` None shares nothing and uses nothing shared.
    """

    def __init__(
        self,
        setup: EngineSetup,
        paths: EnginePaths | None,
        *,
        on_change: Callable[[State], object] = lambda _: None,
    ) -> None:
        self._setup, self._paths, self._on_change = setup, paths, on_change
        self._lock = Lock()
        self._changed = Condition()
        self._remote: RemoteEngine | None = None
        self._remote_state = State.LOADING
        self._failure: ParakeetError | None = None
        self._own: EngineOwner | None = None
        self._host: EngineHost | None = None
        self._stopped = False
        self._before: EngineProperties | None = None

    def start(self) -> EngineProperties:
        """Find or make the engine; its model is loaded later. Raises what keeps it from that."""
        with self._lock:
            return self._start()

    @classmethod
    def found(cls, setup: EngineSetup, paths: EnginePaths | None) -> CommonEngine | None:
        """The engine, if another process shares it now."""
        engine = cls(setup, paths)
        return engine if engine._connect() else None

    def _connect(self) -> bool:
        remote = RemoteEngine.connect(self._setup, self._paths, self._lost)
        if remote is None:
            return False
        self._remote, self._remote_state = remote, State.LOADING
        self._before = remote.properties
        with self._changed:
            self._changed.notify_all()
        Thread(target=self._await, args=(remote,), name="engine-await", daemon=True).start()
        return True

    def _start(self) -> EngineProperties:
        own = EngineOwner(self._setup, on_change=self._on_change)
        for pause in (0.0, _LISTENING_SECONDS):
            time.sleep(pause)
            if self._connect():
                return self.properties
            # Before it is made: of several processes that begin at once, one makes it.
            self._host = EngineHost.offer(own, self._setup, self._paths)
            if self._host is not None or self._paths is None:
                break
        self._own, self._remote = own, None  # `on_change` may look at it before it has started
        if self._stopped:
            self._close()
        try:
            properties = own.start()
        except ParakeetError:
            if self._host is not None:
                self._host.close()
            raise
        with self._changed:
            self._changed.notify_all()
        return properties

    def _is_stopped(self) -> bool:
        return self._stopped

    def _await(self, remote: RemoteEngine) -> None:
        try:
            remote.wait_until_loaded()
        except ParakeetError as error:
            if remote.is_lost:
                return  # `_lost` finds another
            self._failure, self._remote_state = error, State.FAILED
        else:
            self._remote_state = State.READY
        self._on_change(self._remote_state)

    def _lost(self) -> None:
        """The process that shared the engine has ended."""
        with self._lock:
            if self._is_stopped():
                return
            self._remote_state = State.LOADING
            try:
                self._start()
                _log.warning(
                    "The process that shared its engine has ended. %s.",
                    "The engine is loaded here now"
                    if self.is_own
                    else "Another process shares its own",
                )
            except ParakeetError as error:
                if self._is_stopped():
                    return
                self._failure, self._remote_state = error, State.FAILED
                self._on_change(State.FAILED)
                with self._changed:
                    self._changed.notify_all()

    @property
    def is_own(self) -> bool:
        """Whether this process holds it, or its child does."""
        return self._own is not None

    @property
    def properties(self) -> EngineProperties:
        """Those of the last one, while another is made: it is the same engine."""
        if self._own is not None and not self._own.is_made and self._before is not None:
            return self._before
        return self._current.properties

    @property
    def _current(self) -> EngineOwner | RemoteEngine:
        current = self._own or self._remote
        assert current is not None, "start() comes first"
        return current

    @property
    def runs_on(self) -> str:
        """Where the engine runs, in words."""
        if self._own is not None:
            return self._own.runs_on
        return f"{self.properties.info.device}, shared by another process"

    @property
    def state(self) -> State:
        return self._own.state if self._own is not None else self._remote_state

    @property
    def failure(self) -> ParakeetError | None:
        """Why the engine can't be used."""
        return self._own.failure if self._own is not None else self._failure

    @property
    def waiting(self) -> int:
        """Chunks that wait in this process."""
        return 0 if self._own is None else self._own.waiting

    @property
    def in_hand(self) -> int:
        """Chunks that the engine has of this process."""
        return self._current.in_hand

    @property
    def deaths(self) -> int:
        """How often the engine's own process died."""
        return 0 if self._own is None else self._own.deaths

    def wait_until_made(self) -> EngineProperties:
        return self._current.wait_until_made()

    def wait_until_loaded(self) -> str:
        while True:
            current = self._wait_until_usable()
            try:
                current.wait_until_loaded()
            except EngineUnavailable:
                if isinstance(current, RemoteEngine) and current.is_lost:
                    continue
                raise
            return self.runs_on

    def submit(self, request: EngineRequest) -> Future[ChunkResult]:
        try:
            return self._wait_until_usable().submit(request)
        except EngineUnavailable as error:
            failed: Future[ChunkResult] = Future()
            failed.set_exception(error)
            return failed

    def _wait_until_usable(self) -> EngineOwner | RemoteEngine:
        """Wait between the end of one engine and the beginning of another."""
        with self._changed:
            self._changed.wait_for(lambda: self._usable or self._failure or self._stopped)
            if not self._usable:
                raise self._failure or EngineUnavailable("The engine was stopped.")
            return self._current

    @property
    def _usable(self) -> bool:
        return self._own is not None or (self._remote is not None and not self._remote.is_lost)

    def cancel(self, job: str) -> None:
        self._current.cancel(job)

    def stop(self) -> None:
        """Leave a shared engine to the others; end the own one."""
        self._stopped = True
        with self._changed:
            self._changed.notify_all()
        self._close()
        if self._lock.acquire(timeout=_STARTING_SECONDS):  # it may have been about to start another
            self._lock.release()

    def _close(self) -> None:
        if self._host is not None:
            self._host.close()
        if self._remote is not None:
            self._remote.close()
        if self._own is not None:
            self._own.stop()
