"""Runs the server: listens, loads the engine, and ends without losing what is in work."""

from __future__ import annotations

import asyncio
import errno
import math
import signal
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from types import FrameType

import uvicorn
from starlette.routing import BaseRoute

from parakeet_cli import console
from parakeet_cli.audio.decode.media import warm_up
from parakeet_cli.audio.segment.pauses import SpeechLimits
from parakeet_cli.engine_setup import EngineLine, choose_engine, engine_options
from parakeet_cli.engines.shared.access import CommonEngine
from parakeet_cli.engines.shared.owner import State
from parakeet_cli.engines.shared.paths import engine_paths
from parakeet_cli.engines.shared.request import EngineSetup
from parakeet_cli.errors import EngineUnavailable, ParakeetError
from parakeet_cli.server.http.app import Service, make_app
from parakeet_cli.server.http.connections import Connections, TimedH11Protocol
from parakeet_cli.server.http.metrics import Metrics
from parakeet_cli.server.realtime.route import realtime_route
from parakeet_cli.server.request import Address, ServeRequest
from parakeet_cli.server.spool import Spool
from parakeet_cli.server.work import Transcriptions
from parakeet_cli.server.wyoming_server import WyomingServer
from parakeet_cli.transcribe.pipeline.options import PipelineOptions

# Connections that wait to be accepted. asyncio accepts as many at once before any of them is
# counted, so that more would use up the files that the process may open.
_BACKLOG = 64
_KEEP_ALIVE = 30  # seconds that an idle connection stays
_LAST_SECONDS = 2  # after the grace, for the errors to be sent; then connections are ended
_NO_ADDRESS = "Name an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them."
_LISTENING_HINTS: Mapping[int | None, str] = {
    errno.EADDRINUSE: "Another program may have that port: name another one (--port, --wyoming).",
    errno.EACCES: "Ports below 1024 may be root's alone: name another one (--port, --wyoming).",
}


def run_server(request: ServeRequest) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises ParakeetError for what keeps it from that."""
    with ExitStack() as stack:
        listener = stack.enter_context(listening(request.address))
        spool = Spool()
        stack.callback(spool.close)
        setup, line = _setup(request)
        server: _Server | None = None

        def changed(state: State) -> None:
            if state is State.READY:
                line.print(owner.properties.info, owner.runs_on)
            if state is State.FAILED and server is not None and not server.was_ready:
                server.should_exit = True
            if state is State.READY and server is not None:
                server.was_ready = True

        owner = CommonEngine(setup, engine_paths(), on_change=changed)
        stack.callback(owner.stop)
        owner.start()
        warm_up(1)
        transcriptions = Transcriptions(owner, _options(request), limit=request.max_waiting)
        metrics = Metrics(transcriptions, owner)
        service = Service(request, setup, owner, transcriptions, spool, metrics, time.time())
        wyoming = None
        if request.wyoming is not None:
            wyoming = stack.enter_context(listening(request.wyoming))
            console.info(f"Wyoming at tcp://{_address_of(wyoming)}.")
        server = _Server(service, [realtime_route(service)], wyoming)
        server.was_ready = owner.state is State.READY
        console.info(f"Listening at http://{_address_of(listener)} (Ctrl-C ends it).")
        server.serve_on(listener)
        if owner.state is State.FAILED and not server.was_ready:
            raise owner.failure or EngineUnavailable("The engine can't be used.")


def _setup(request: ServeRequest) -> tuple[EngineSetup, EngineLine]:
    choice = choose_engine(request.settings)
    options = engine_options(request.settings, trust_model=request.trust_model)
    return EngineSetup(choice.name, options), EngineLine(choice)


def _options(request: ServeRequest) -> PipelineOptions:
    settings = request.settings
    return PipelineOptions(
        speech=SpeechLimits(settings.vad_threshold, settings.vad_min_silence),
        vocabulary=settings.terms,
        accept_partial=True,
    )


def _address_of(listener: socket.socket) -> Address:
    host, port = listener.getsockname()[:2]
    return Address(host, port)


@contextmanager
def listening(address: Address) -> Iterator[socket.socket]:
    """A socket that listens at the address. Raises ParakeetError."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server(
            (address.host, address.port), family=family, backlog=_BACKLOG
        )
    except (OSError, UnicodeError, TypeError) as error:  # the last two for what no name can be
        reason = (getattr(error, "strerror", None) or "it is no host").partition(" (while")[0]
        raise ParakeetError(
            f"Nobody can listen at {address}: {reason}.",
            hint=_LISTENING_HINTS.get(getattr(error, "errno", None), _NO_ADDRESS),
        ) from error
    with listener:
        yield listener


class _Server(uvicorn.Server):
    """uvicorn, which ends at SIGTERM and Ctrl-C with the process's own exit code."""

    def __init__(
        self, service: Service, routes: list[BaseRoute], wyoming: socket.socket | None
    ) -> None:
        self._service = service
        self._wyoming_listener = wyoming
        connections = Connections()
        self._wyoming = WyomingServer(service, service.request.allowed_clients, connections)
        self.was_ready = False
        config = uvicorn.Config(
            make_app(service, routes),
            http=partial(TimedH11Protocol, open_connections=connections),  # type: ignore[arg-type]
            ws="websockets-sansio",
            ws_max_size=1 << 20,
            lifespan="off",
            log_config=None,
            access_log=False,
            backlog=_BACKLOG,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE,
            # Else a client that goes on sending, or that reads nothing, would keep it from ending.
            timeout_graceful_shutdown=math.ceil(service.request.grace) + _LAST_SECONDS,
        )
        super().__init__(config)

    def serve_on(self, listener: socket.socket) -> None:
        asyncio.run(self.serve(sockets=[listener]))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End at a signal, and don't raise it again when the server has ended."""
        numbers = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self._ask_to_end) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _ask_to_end(self, number: int, frame: FrameType | None) -> None:
        if self.should_exit:  # asked twice: now
            self._service.transcriptions.end()
            self.force_exit = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._wyoming_listener is not None:
            await self._wyoming.start(self._wyoming_listener)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in work, within the time for that; the rest gets an error."""
        grace = self._service.request.grace
        loop = asyncio.get_running_loop()
        console.info("Ending: requests in work are finished.")
        late = loop.call_later(grace, self._service.transcriptions.end)
        await asyncio.gather(super().shutdown(sockets), self._wyoming.stop())
        late.cancel()
        self._service.transcriptions.end()
