"""The WebSocket of live speech: events in, events out, and a thread for each session."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from parakeet_cli import console
from parakeet_cli.engines.shared.engine import SharedEngine
from parakeet_cli.engines.shared.fair_queue import Priority
from parakeet_cli.errors import ParakeetError
from parakeet_cli.server.http.app import Service
from parakeet_cli.server.http.errors import ApiError, as_api_error
from parakeet_cli.server.http.form import refuse_unfit_fields
from parakeet_cli.server.http.guard import CLIENT
from parakeet_cli.server.languages import settle_language
from parakeet_cli.server.realtime.session import LiveSession, param_of
from parakeet_cli.server.realtime.settings import InvalidEvent, LiveSettings

PATH = "/v1/realtime"
_PROTOCOL = "realtime"  # that OpenAI's clients in browsers name
_BACKLOG = 2 << 20  # bytes of a client's events that wait, before it has to wait: 30 s of sound
_EVENT = 1024  # bytes that an event takes beside its text, at most
_TRY_AGAIN, _INTERNAL = 1013, 1011

Call = Callable[[], object]


def realtime_route(service: Service) -> WebSocketRoute:
    async def handle(socket: WebSocket) -> None:
        offered = socket.headers.get("sec-websocket-protocol", "")
        names = [name.strip() for name in offered.split(",")]
        await socket.accept(_PROTOCOL if _PROTOCOL in names else None)
        try:
            release = service.transcriptions.admit()
        except ParakeetError as error:
            await socket.close(_TRY_AGAIN, str(error)[:120])
            return
        try:
            await _Exchange(service, socket).run()
        finally:
            release()

    return WebSocketRoute(PATH, handle)


class _Exchange:
    """One connection.

    Nothing here waits in a thread that others need: the session's thread may wait for the engine.
    """

    def __init__(self, service: Service, socket: WebSocket) -> None:
        self._service, self._socket = service, socket
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        self._calls: SimpleQueue[tuple[Call, int] | None] = SimpleQueue()
        self._backlog = 0  # bytes of the events in `_calls`
        self._room, self._ended = asyncio.Event(), asyncio.Event()
        self._session: LiveSession | None = None
        self._left = False

    async def run(self) -> None:
        """Until the client leaves."""
        thread = Thread(target=self._work, name="live-session", daemon=True)
        thread.start()
        sending = asyncio.create_task(self._send_all())
        try:
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text")
                data = text if text is not None else message.get("bytes") or b""
                self._put(partial(self._handle, _event(data)), len(data) + _EVENT)
                await self._room.wait()
        except (WebSocketDisconnect, RuntimeError):
            return  # it has left while it was answered
        finally:
            self._leave()
            await self._ended.wait()
            sending.cancel()

    def _put(self, call: Call, size: int) -> None:
        self._calls.put((call, size))
        self._add_to_backlog(size)

    def _add_to_backlog(self, size: int) -> None:
        self._backlog += size
        if self._backlog < _BACKLOG:
            self._room.set()
        else:
            self._room.clear()

    def _leave(self) -> None:
        """Have the session's thread end soon, whatever it waits for."""
        self._left = True
        self._calls.put(None)
        if self._session is not None:
            self._session.cancel()

    def _next(self) -> Call | None:
        """The next call of the session's thread; None once the client has left."""
        found = self._calls.get()
        if found is None or self._left:
            return None
        call, size = found
        self._in_loop(partial(self._add_to_backlog, -size))
        return call

    def _in_loop(self, call: Call) -> None:
        with suppress(RuntimeError):  # the server has ended
            self._loop.call_soon_threadsafe(call)

    def _emit(self, event: dict[str, Any]) -> None:
        event = {"event_id": f"event_{secrets.token_hex(10)}", **event}
        if self._service.request.log_text and "transcript" in event:
            console.info(f"Text: {event['transcript']}")
        self._in_loop(partial(self._events.put_nowait, event))

    async def _send_all(self) -> None:
        with suppress(WebSocketDisconnect, RuntimeError, OSError):
            while (event := await self._events.get()) is not None:
                await self._socket.send_text(json.dumps(event, ensure_ascii=False))

    def _work(self) -> None:
        """The session's thread: what a client asks is done in its order."""
        try:
            session = self._session = LiveSession(self._make_engine, self._emit)
            self._emit({"type": "session.created", "session": session.session})
            while (call := self._next()) is not None:
                self._do(call)
            session.close()
        except Exception as error:
            console.trace(error)
            closing = self._socket.close(_INTERNAL, "The session failed unexpectedly.")
            asyncio.run_coroutine_threadsafe(closing, self._loop)
            while self._next() is not None:
                continue  # the connection ends soon
        finally:
            self._in_loop(self._ended.set)

    def _do(self, call: Call) -> None:
        try:
            call()
        except InvalidEvent as error:
            self._refuse(str(error), error.param)
        except ParakeetError as error:
            shown = as_api_error(error)
            self._refuse(str(shown), param_of(shown))

    def _make_engine(self, settings: LiveSettings) -> SharedEngine:
        owner = self._service.owner
        language, _ = settle_language(owner.properties, settings.language)
        adjustment = settings.adjustment
        options = adjustment.applied(self._service.setup.options)
        try:
            refuse_unfit_fields(self._service.setup.name, options.decoding)
        except ApiError as error:
            raise InvalidEvent(str(error), param_of(error)) from error
        if language != settings.language:
            adjustment = LiveSettings(prompt=settings.prompt).adjustment
        client = self._socket.scope[CLIENT]
        return SharedEngine(
            owner, client, priority=Priority.INTERACTIVE, adjustment=adjustment, attempts=2
        )

    def _refuse(self, message: str, param: str | None) -> None:
        error = {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": message,
            "param": param,
        }
        self._emit({"type": "error", "error": error})

    def _handle(self, event: dict[str, Any] | InvalidEvent) -> None:
        if isinstance(event, InvalidEvent):
            raise event
        kind, session = event.get("type"), self._session
        assert session is not None
        if kind == "input_audio_buffer.append":
            session.append(_sound(event.get("audio")))
        elif kind == "input_audio_buffer.commit":
            session.commit()
        elif kind == "input_audio_buffer.clear":
            session.clear()
            self._emit({"type": "input_audio_buffer.cleared"})
        elif kind in ("session.update", "transcription_session.update"):
            session.update(event.get("session"))
            kind = "session" if kind == "session.update" else "transcription_session"
            self._emit({"type": f"{kind}.updated", "session": session.session})
        else:
            raise InvalidEvent("An event of that type isn't known here.", "type")


def _event(data: str | bytes) -> dict[str, Any] | InvalidEvent:
    try:
        event = json.loads(data)
    except (ValueError, RecursionError):
        return InvalidEvent("An event must be JSON.")
    return event if isinstance(event, dict) else InvalidEvent("An event must be an object.")


def _sound(text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise InvalidEvent("It must be base64.", "audio") from None
