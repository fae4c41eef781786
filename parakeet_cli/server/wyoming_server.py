"""Serves Wyoming, the protocol of Home Assistant's voice assistants, with the package `wyoming`."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import wave
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event, async_write_event
from wyoming.info import AsrModel, AsrProgram, Attribution, Describe, Info
from wyoming.ping import Ping, Pong

from parakeet_cli import __version__, console
from parakeet_cli.engines.shared.fair_queue import Priority
from parakeet_cli.engines.shared.request import Adjustment
from parakeet_cli.errors import ParakeetError, system_hint
from parakeet_cli.server.http.app import Service
from parakeet_cli.server.http.connections import Connections
from parakeet_cli.server.http.errors import as_api_error
from parakeet_cli.server.languages import languages_of, read_language, settle_language
from parakeet_cli.server.request import Network, is_loopback
from parakeet_cli.server.spool import create
from parakeet_cli.server.work import Work

_MAX_HEADER = 64 * 1024  # bytes, of a line and of an event's data
_MAX_PAYLOAD = 1 << 20  # bytes, of an event: half a minute of sound, where clients send 0.1 s
_LOOK_SECONDS = 0.5  # between two looks whether a client that waits is still there
_POLL_SECONDS = 0.05  # between two looks whether connections are done, at the end
_IDLE_SECONDS = 600.0  # that a connection may be silent; Home Assistant keeps some open
_RATES, _WIDTHS, _CHANNELS = range(8000, 192_001), (1, 2, 4), range(1, 9)


class _Refused(Exception):
    """What a client sent can't be used; the message says why."""


class WyomingServer:
    """Answers `describe`, and a recording with its text."""

    def __init__(
        self, service: Service, allowed: Sequence[Network], open_connections: Connections
    ) -> None:
        self._service, self._allowed, self._open = service, allowed, open_connections
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], _Connection] = {}

    async def start(self, listener: Any) -> None:
        self._server = await asyncio.start_server(self._connected, sock=listener, limit=_MAX_HEADER)

    async def stop(self) -> None:
        """Take no more; connections in which nothing is transcribed end."""
        if self._server is not None:
            self._server.close()
        while any(connection.is_busy for connection in self._connections.values()):
            await asyncio.sleep(_POLL_SECONDS)
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        if peer is None:  # the client has left already
            writer.close()
            return
        host, port = peer[:2]
        task = asyncio.current_task()
        assert task is not None
        client = f"wyoming {host}:{port}" if is_loopback(host) else f"wyoming {host}"
        connection = self._connections[task] = _Connection(self._service, reader, writer, client)
        try:
            # The client is gone, or the server ends.
            with suppress(OSError, EOFError, TimeoutError, asyncio.CancelledError):
                if self._is_allowed(host):
                    await connection.run(self._open.add(writer.transport))
        finally:
            del self._connections[task]
            writer.close()

    def _is_allowed(self, host: str) -> bool:
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return address.is_loopback or any(address in network for network in self._allowed)


@dataclass(slots=True)
class _Recording:
    """A recording that comes in, written to the disk."""

    work: Work
    writer: wave.Wave_write
    stack: ExitStack
    size: int = 0


class _Connection:
    """One client's connection: one recording after the other."""

    def __init__(
        self,
        service: Service,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: str,
    ) -> None:
        self._service, self._client = service, client
        self._reader, self._writer = reader, writer
        self._asked = Transcribe()
        self._recording: _Recording | None = None
        self._transcribing = False

    @property
    def is_busy(self) -> bool:
        """Whether a recording is being transcribed."""
        return self._transcribing

    async def run(self, refused: str | None) -> None:
        """Until the client leaves; only say it if the connection is `refused`."""
        if refused is not None:
            await self._send(Error(refused, "server_busy").event())
            return
        try:
            while (event := await self._next()) is not None:
                await self._handle(event)
        except _Refused as error:
            self._drop()
            await self._send(Error(str(error), "invalid-request").event())
        except (OSError, EOFError):
            raise  # the client has left
        except Exception as error:
            shown = as_api_error(error)
            if shown.code == "internal":
                console.trace(error)
            self._drop()
            await self._send(Error(str(shown), shown.code).event())
        finally:
            self._drop()

    async def _next(self) -> Event | None:
        """The next event, within limits: the package's own reader takes any size."""
        async with asyncio.timeout(_IDLE_SECONDS):
            try:
                line = await self._reader.readline()
            except ValueError:
                raise _Refused("A header is too long.") from None
            if not line:
                return None
            head = _object(line)
            data = head.get("data") or {}
            if length := _length(head, "data_length", _MAX_HEADER):
                data = {**data, **_object(await self._reader.readexactly(length))}
            payload = None
            if length := _length(head, "payload_length", _MAX_PAYLOAD):
                payload = await self._reader.readexactly(length)
            return Event(str(head.get("type")), data, payload)

    async def _handle(self, event: Event) -> None:
        try:
            if Describe.is_type(event.type):
                await self._send(_info(self._service).event())
            elif Ping.is_type(event.type):
                await self._send(Pong(Ping.from_event(event).text).event())
            elif Transcribe.is_type(event.type):
                self._asked = Transcribe.from_event(event)
            elif AudioStart.is_type(event.type):
                self._begin(AudioStart.from_event(event))
            elif AudioChunk.is_type(event.type):
                self._add(AudioChunk.from_event(event))
            elif AudioStop.is_type(event.type):
                await self._finish()
        except (KeyError, TypeError, AttributeError, UnicodeError, wave.Error) as error:
            raise _Refused(f"A `{event.type}` event can't be used: {error}.") from error

    def _begin(self, start: AudioStart) -> None:
        for value, allowed in (
            (start.rate, _RATES),
            (start.width, _WIDTHS),
            (start.channels, _CHANNELS),
        ):
            if type(value) is not int or value not in allowed:  # JSON may have true and 2.0
                raise _Refused(
                    f"Sound of {start.rate} Hz, {start.width} bytes and "
                    f"{start.channels} channels can't be used."
                )
        self._drop()
        with ExitStack() as stack:
            stack.callback(self._service.transcriptions.admit())
            path = stack.enter_context(self._service.spool.path())
            with _writing():
                writer = self._writer_of(path, start, stack)
            properties = self._service.owner.properties
            language, _ = settle_language(properties, _language(self._asked.language))
            work = Work(path, self._client, Adjustment(language), Priority.INTERACTIVE)
            self._recording = _Recording(work, writer, stack.pop_all())

    @staticmethod
    def _writer_of(path: Path, start: AudioStart, stack: ExitStack) -> wave.Wave_write:
        writer = _WaveWriter(stack.enter_context(create(path)))
        writer.setframerate(start.rate)
        writer.setsampwidth(start.width)
        writer.setnchannels(start.channels)
        return writer

    def _add(self, chunk: AudioChunk) -> None:
        recording = self._recording
        if recording is None:
            raise _Refused("Sound came before `audio-start`.")
        recording.size += len(chunk.audio)
        if recording.size > self._service.request.max_upload:
            raise _Refused("The recording is longer than this server takes.")
        with _writing():
            recording.writer.writeframesraw(chunk.audio)

    async def _finish(self) -> None:
        recording = self._recording
        if recording is None:
            raise _Refused("`audio-stop` came before `audio-start`.")
        with _writing():
            recording.writer.close()
        if not recording.size:
            await self._send(Transcript("").event())
            self._drop()
            return
        future = asyncio.wrap_future(self._service.transcriptions.submit(recording.work))
        self._transcribing = True
        try:
            while not future.done():
                await asyncio.wait({future}, timeout=_LOOK_SECONDS)
                if self._reader.at_eof() or self._reader.exception() is not None:
                    raise EOFError  # it has left, and takes its work with it
            transcript = future.result()
        finally:
            self._transcribing = False
            await self._abandon(recording.work, future)
        if self._service.request.log_text:
            console.info(f"Text: {transcript.text}")
        self._service.metrics.audio.inc(transcript.accounting.decoded_seconds)
        self._service.metrics.requests.labels("wyoming", "200").inc()
        self._drop()
        await self._send(Transcript(transcript.text, language=transcript.text_language).event())
        self._asked = Transcribe()

    async def _abandon(self, work: Work, future: asyncio.Future[Any]) -> None:
        """Cancel work that isn't done, and wait until its file isn't used any more."""
        if not future.done():
            self._service.transcriptions.cancel(work)
            with suppress(ParakeetError):
                await future

    def _drop(self) -> None:
        """End the recording, whatever state it is in."""
        recording, self._recording = self._recording, None
        if recording is not None:
            self._service.transcriptions.cancel(recording.work)
            with suppress(OSError):  # what was left to be written: nobody wants it
                recording.stack.close()

    async def _send(self, event: Event) -> None:
        with suppress(OSError):
            await async_write_event(event, self._writer)


class _WaveWriter(wave.Wave_write):
    """A writer that is closed, or is dropped with its file."""

    def __del__(self) -> None:
        """Write nothing: by then the file may be closed, and the disk be full."""


@contextmanager
def _writing() -> Iterator[None]:
    """Say it to the client if its recording can't be written. Raises _Refused."""
    try:
        yield
    except OSError as error:
        why = f"The recording can't be written to the disk: {error.strerror}."
        raise _Refused(f"{why} {system_hint(error) or ''}".strip()) from error


def _language(asked: str | None) -> str | None:
    try:
        return read_language(asked) if asked else None
    except ValueError as error:
        raise _Refused(f"`language` {error}.") from None


def _object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise _Refused("A header isn't JSON.") from None
    if not isinstance(value, dict) or not isinstance(value.get("data") or {}, dict):
        raise _Refused("A header isn't a JSON object.")
    return value


def _length(head: dict[str, Any], name: str, most: int) -> int:
    value = head.get(name) or 0
    if not isinstance(value, int) or not 0 <= value <= most:
        raise _Refused(f"`{name}` must be a number up to {most}.")
    return value


def _info(service: Service) -> Info:
    """The engine and the model that are loaded, with the languages that the model knows."""
    properties = service.owner.properties
    info = properties.info
    model = AsrModel(
        name=info.model,
        description=f"{info.model} by {info.name}",
        attribution=Attribution(info.name, ""),
        installed=True,
        version=info.version,
        languages=languages_of(properties, service.setup.options.language),
    )
    program = AsrProgram(
        name="parakeet",
        description="Speech to text by parakeet",
        attribution=Attribution("parakeet", ""),
        installed=True,
        version=__version__,
        models=[model],
    )
    return Info(asr=[program])
