"""The routes of the HTTP server, and what they share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from parakeet_cli import __version__, console
from parakeet_cli.engines.decoding import TRANSCRIBE, TRANSLATE
from parakeet_cli.engines.shared.access import CommonEngine
from parakeet_cli.engines.shared.fair_queue import Priority
from parakeet_cli.engines.shared.owner import State
from parakeet_cli.engines.shared.request import EngineSetup
from parakeet_cli.server.http import answers
from parakeet_cli.server.http.errors import ApiError, as_api_error
from parakeet_cli.server.http.form import (
    DIARIZED,
    Asked,
    read_asked,
    refuse_unfit_fields,
    words_of_prompt,
)
from parakeet_cli.server.http.guard import CLIENT, Guard, Policy
from parakeet_cli.server.http.metrics import Metrics
from parakeet_cli.server.http.openapi import description
from parakeet_cli.server.http.pages import page_routes
from parakeet_cli.server.http.upload import read_form
from parakeet_cli.server.languages import settle_language
from parakeet_cli.server.request import ServeRequest
from parakeet_cli.server.spool import Spool
from parakeet_cli.server.work import Ending, Transcriptions, Work
from parakeet_cli.speakers.count import SpeakerCount
from parakeet_cli.transcript import Transcript

_DRAIN_SECONDS = 5.0  # for the rest of an upload that is refused
_LEFT = 499  # what logs write for a client that has left
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Service:
    """What the routes share."""

    request: ServeRequest
    setup: EngineSetup
    owner: CommonEngine
    transcriptions: Transcriptions
    spool: Spool
    metrics: Metrics
    began: float


def make_app(service: Service, more: list[BaseRoute]) -> Starlette:
    """The application; `more` are routes beside those of HTTP."""
    asked = service.request
    routes = [
        Route("/v1/audio/transcriptions", _audio(service, TRANSCRIBE), methods=["POST"]),
        Route("/v1/audio/translations", _audio(service, TRANSLATE), methods=["POST"]),
        Route("/v1/models", _models(service), methods=["GET"]),
        Route("/v1/models/{name:path}", _model(service), methods=["GET"]),
        Route("/health", _health(service), methods=["GET"]),
        Route("/metrics", _metrics(service), methods=["GET"]),
        Route("/openapi.json", _openapi(service), methods=["GET"]),
        *page_routes(),
        *more,
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={ApiError: _show, HTTPException: _show_http, Exception: _show},
    )
    app.router.redirect_slashes = False
    policy = Policy.of(asked.address, asked.keys, asked.allowed_hosts)
    app.add_middleware(Guard, policy=policy)
    return app


async def _show(request: Request, error: Exception) -> Response:
    return as_api_error(error).response()


async def _show_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = {404: "There is nothing at this path.", 405: "That method isn't known here."}
    message = what.get(error.status_code, error.detail)
    return ApiError(error.status_code, message, headers=error.headers).response()


# Transcriptions and translations.


def _audio(service: Service, task: str) -> Handler:
    async def handle(request: Request) -> Response:
        began = time.monotonic()
        try:
            response = await _Exchange(service, request, task).run()
            status = response.status_code
        except ClientDisconnect:
            response, status = Response(status_code=_LEFT), _LEFT
        except asyncio.CancelledError:  # an upload that is still coming when the server ends
            if not service.transcriptions.ended:
                raise
            shown = as_api_error(Ending())
            response, status = shown.response(), shown.status
        except Exception as error:
            shown = as_api_error(error)
            if shown.code == "internal":
                console.trace(error)
            response, status = shown.response(), shown.status
            await _drain(request)
        service.metrics.requests.labels(request.url.path, str(status)).inc()
        seconds = time.monotonic() - began
        console.info(f"POST {request.url.path} {status} in {seconds:.2f} s")
        return response

    return handle


class _Exchange:
    """One request for a text, from its upload to its answer."""

    def __init__(self, service: Service, request: Request, task: str) -> None:
        self._service, self._request, self._task = service, request, task
        self._began = time.monotonic()

    async def run(self) -> Response:
        """The answer. Raises ApiError, ClientDisconnect and what the work raises."""
        release = self._service.transcriptions.admit()
        spooled = self._service.spool.path()
        path = spooled.__enter__()

        def finish() -> None:
            spooled.__exit__(None, None, None)
            release()

        try:
            response = await self._answer(path, finish)
        except BaseException:
            finish()
            raise
        if not isinstance(response, StreamingResponse):
            finish()
        return response

    async def _answer(self, path: Path, finish: Callable[[], None]) -> Response:
        form = await read_form(self._request, path, self._service.request.max_upload)
        self._service.metrics.uploads.inc(form.file_bytes or 0)
        asked = self._refuse_unfit(read_asked(form, self._task))
        work = Work(
            path,
            self._request.scope[CLIENT],
            asked.adjustment,
            Priority.INTERACTIVE if asked.stream else Priority.BATCH,
            changes=self._changes(asked),
        )
        if asked.stream:
            return await self._stream(work, asked, finish)
        transcript = await self._unless_client_leaves(work)
        self._count(transcript)
        return answers.answer(transcript, asked)

    def _changes(self, asked: Asked) -> dict[str, object]:
        """What this request changes in the options of the pipeline."""
        changes: dict[str, object] = {}
        if asked.response_format == DIARIZED:
            changes["speakers"] = SpeakerCount()
        if asked.vocabulary:
            usual = self._service.request.settings.terms
            changes["vocabulary"] = (*usual, *asked.vocabulary)
        return changes

    def _refuse_unfit(self, asked: Asked) -> Asked:
        """Raise ApiError for what the engine can't honour, before it waits for its turn."""
        language, left_out = settle_language(self._service.owner.properties, asked.language)
        asked = replace(asked, language=language, left_out=asked.language if left_out else None)
        asked = words_of_prompt(asked, self._service.setup.name)
        options = asked.adjustment.applied(self._service.setup.options)
        refuse_unfit_fields(self._service.setup.name, options.decoding)
        return asked

    async def _unless_client_leaves(self, work: Work) -> Transcript:
        future = asyncio.wrap_future(self._service.transcriptions.submit(work))
        left = asyncio.create_task(_until_disconnected(self._request))
        try:
            waited: set[asyncio.Future[Any]] = {future, left}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not future.done():
                raise ClientDisconnect
            return future.result()
        finally:
            left.cancel()
            if not future.done():
                self._service.transcriptions.cancel(work)
                with suppress(BaseException):
                    await asyncio.shield(future)  # its file is in use until then

    async def _stream(
        self, work: Work, asked: Asked, finish: Callable[[], None]
    ) -> StreamingResponse:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[str | None] = asyncio.Queue()
        work.on_text = lambda text: loop.call_soon_threadsafe(events.put_nowait, text)
        future = self._service.transcriptions.submit(work)
        future.add_done_callback(lambda _: loop.call_soon_threadsafe(events.put_nowait, None))
        left = asyncio.create_task(_until_disconnected(self._request))
        first = asyncio.create_task(events.get())
        waited: set[asyncio.Future[Any]] = {first, left}
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
        if not first.done() or (future.done() and future.exception() is not None):
            await self._abandon(work, future)
            raise (future.exception() if first.done() else None) or ClientDisconnect
        body = self._events(work, future, events, first.result(), asked, left)
        return _CancellableStream(body, work, future, self._service, finish, left)

    async def _abandon(self, work: Work, future: Future[Transcript]) -> None:
        await _abandon(self._service.transcriptions, work, future)

    async def _events(
        self,
        work: Work,
        future: Future[Transcript],
        events: asyncio.Queue[str | None],
        text: str | None,
        asked: Asked,
        left: asyncio.Task[None],
    ) -> AsyncIterator[bytes]:
        shown = ""
        while text is not None:
            delta = f" {text}" if shown else text
            shown += delta
            yield answers.event_line({"type": "transcript.text.delta", "delta": delta})
            following = asyncio.create_task(events.get())
            waited: set[asyncio.Future[Any]] = {following, left}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                return
            text = following.result()
        try:
            transcript = future.result()
        except Exception as error:
            yield answers.event_line(as_api_error(error).body(), "error")
            return
        self._count(transcript)
        for event in _last_events(transcript, asked, shown):
            yield answers.event_line(event)

    def _count(self, transcript: Transcript) -> None:
        metrics = self._service.metrics
        metrics.seconds.observe(time.monotonic() - self._began)
        metrics.audio.inc(transcript.accounting.decoded_seconds)
        metrics.lost.inc(transcript.accounting.lost_seconds)
        if self._service.request.log_text:
            console.info(f"Text: {transcript.text}")


def _last_events(transcript: Transcript, asked: Asked, shown: str) -> list[dict[str, object]]:
    """The rest of the text, the segments with speakers if they were asked for, and the end."""
    events: list[dict[str, object]] = []
    if asked.response_format == DIARIZED:
        events += answers.diarized_segments(transcript)
    elif transcript.text.startswith(shown) and transcript.text != shown:
        events.append({"type": "transcript.text.delta", "delta": transcript.text[len(shown) :]})
    return [*events, answers.done_event(transcript, asked)]


class _CancellableStream(StreamingResponse):
    """A stream of events; the work ends with it, also if the client leaves."""

    def __init__(
        self,
        body: AsyncIterator[bytes],
        work: Work,
        future: Future[Transcript],
        service: Service,
        finish: Callable[[], None],
        left: asyncio.Task[None],
    ) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(body, media_type="text/event-stream", headers=headers)
        self._work, self._future, self._service = work, future, service
        self._finish, self._left = finish, left

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.stream_response(send)
        finally:
            self._left.cancel()
            await _abandon(self._service.transcriptions, self._work, self._future)
            self._finish()


async def _abandon(transcriptions: Transcriptions, work: Work, future: Future[Transcript]) -> None:
    """Cancel work if it isn't done, and wait until its file isn't used any more."""
    if not future.done():
        transcriptions.cancel(work)
        with suppress(BaseException):
            await asyncio.shield(asyncio.wrap_future(future))


async def _drain(request: Request) -> None:
    """Read what a client still sends, for a while: else it may never see why it was refused."""
    if request._stream_consumed:
        return
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            while (message := await request.receive())["type"] == "http.request":
                if not message.get("more_body"):
                    return


async def _until_disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


# The other routes.


def _model_of(service: Service) -> dict[str, object]:
    info = service.owner.properties.info
    return {
        "id": info.model,
        "object": "model",
        "created": int(service.began),
        "owned_by": info.name,
    }


def _models(service: Service) -> Handler:
    async def handle(request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [_model_of(service)]})

    return handle


def _model(service: Service) -> Handler:
    async def handle(request: Request) -> Response:
        found = _model_of(service)
        if request.path_params["name"] != found["id"]:
            raise ApiError(
                404,
                f"The model that is loaded is {found['id']}; it answers whatever is named.",
                code="model_not_found",
                param="model",
            )
        return JSONResponse(found)

    return handle


def _health(service: Service) -> Handler:
    async def handle(request: Request) -> Response:
        state, info = service.owner.state, service.owner.properties.info
        ready = state is State.READY
        body = {
            "status": "ready" if ready else str(state),
            "engine": info.name,
            "model": info.model,
            "version": __version__,
        }
        return JSONResponse(body, 200 if ready else 503, {} if ready else {"Retry-After": "1"})

    return handle


def _metrics(service: Service) -> Handler:
    async def handle(request: Request) -> Response:
        return service.metrics.response()

    return handle


def _openapi(service: Service) -> Handler:
    async def handle(request: Request) -> Response:
        return JSONResponse(description(keys=bool(service.request.keys)))

    return handle
