"""The protocol of the engine's socket: messages of JSON, a chunk's with its samples behind it.

A client says `hello` with the engine that it wants, and is told `welcome` with the engine's
properties, or `other`. Then it may send `wait`, `transcribe` and `cancel`, and gets `loaded`,
`result` and `error`. Each message begins with the lengths of its JSON and of its samples.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from parakeet_cli import __version__
from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import ChunkResult
from parakeet_cli.engines.shared.fair_queue import Priority
from parakeet_cli.engines.shared.request import (
    Adjustment,
    EngineDied,
    EngineProperties,
    EngineRequest,
    EngineSetup,
    RequestCancelled,
)
from parakeet_cli.errors import EngineError, EngineUnavailable, ParakeetError, UsageError
from parakeet_cli.transcript import Doubt, EngineInfo, Segment, Word

VERSION = 2
MAX_JSON = 4 << 20  # bytes
MAX_SAMPLES = 64 << 20  # bytes: a quarter of an hour
_LENGTHS = struct.Struct("!II")

Message = dict[str, Any]

# The errors that keep their kind; the first that fits.
_KINDS: dict[str, type[ParakeetError]] = {
    "died": EngineDied,
    "usage": UsageError,
    "unavailable": EngineUnavailable,
    "engine": EngineError,
}


class InvalidMessage(ParakeetError):
    """What came isn't a message of this protocol."""


def send(connection: socket.socket, message: Mapping[str, Any], samples: bytes = b"") -> None:
    """Raises OSError."""
    text = json.dumps(message).encode()
    connection.sendall(_LENGTHS.pack(len(text), len(samples)) + text)
    if samples:
        connection.sendall(samples)


def receive(connection: socket.socket) -> tuple[Message, bytes] | None:
    """The next message and its samples, None at the end. Raises InvalidMessage, OSError."""
    head = _read(connection, _LENGTHS.size)
    if head is None:
        return None
    length, samples = _LENGTHS.unpack(head)
    if length > MAX_JSON or samples > MAX_SAMPLES or samples % 4:
        raise InvalidMessage("A message is too long.")
    text, data = _read(connection, length), _read(connection, samples)
    if text is None or data is None:
        return None
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidMessage("A message isn't JSON.") from None
    if not isinstance(message, dict):
        raise InvalidMessage("A message isn't a JSON object.")
    return message, data


def _read(connection: socket.socket, length: int) -> bytes | None:
    data = bytearray(length)
    view = memoryview(data)
    while view:
        count = connection.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return bytes(data)


def hello(setup: EngineSetup) -> Message:
    return {"type": "hello", "protocol": VERSION, "parakeet": __version__, "want": setup.identity}


def wants(message: Message, setup: EngineSetup) -> bool:
    """Whether a `hello` asks for that engine, as this release makes it."""
    wanted: Message = json.loads(json.dumps(hello(setup)))
    return message == wanted


def request_message(number: int, request: EngineRequest) -> tuple[Message, bytes]:
    chunk = request.chunk
    message = {
        "type": "transcribe",
        "id": number,
        "client": request.client,
        "job": request.job,
        "priority": int(request.priority),
        "alone": request.alone,
        "adjustment": asdict(request.adjustment),
        "chunk": {
            "pieces": [[piece.offset, piece.start] for piece in chunk.pieces],
            "source": chunk.source,
            "overlap": chunk.overlap,
            "last": chunk.last,
            "speech_end": chunk.speech_end,
        },
    }
    return message, np.ascontiguousarray(chunk.samples, np.float32).tobytes()


def read_request(message: Message, samples: bytes) -> tuple[int, EngineRequest]:
    """Raises InvalidMessage."""
    try:
        given = message["chunk"]
        pieces = tuple(Piece(float(offset), float(start)) for offset, start in given["pieces"])
        if not pieces:
            raise ValueError
        chunk = Chunk(
            np.frombuffer(samples, np.float32),
            pieces,
            str(given["source"]),
            float(given["overlap"]),
            bool(given["last"]),
            speech_end=None if given["speech_end"] is None else float(given["speech_end"]),
        )
        return int(message["id"]), EngineRequest(
            chunk,
            str(message["client"]),
            str(message["job"]),
            Priority(message["priority"]),
            _adjustment(message["adjustment"]),
            bool(message["alone"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidMessage("A request can't be read.") from error


def _adjustment(given: Message) -> Adjustment:
    language, task, prompt = (_text(given[name]) for name in ("language", "task", "initial_prompt"))
    temperature = given["temperature"]
    return Adjustment(
        language,
        task,
        prompt,
        None if temperature is None else float(temperature),
        tuple(str(term) for term in given["terms"]),
    )


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError


def result_message(number: int, result: ChunkResult) -> Message:
    return {"type": "result", "id": number, "result": asdict(result)}


def read_result(message: Message) -> ChunkResult:
    """Raises InvalidMessage."""
    try:
        given = message["result"]
        segments = tuple(
            Segment(**{**one, "words": tuple(Word(**word) for word in one["words"])})
            for one in given["segments"]
        )
        doubts = tuple(Doubt(**one) for one in given["doubts"])
        return ChunkResult(segments, given["language"], doubts)
    except (KeyError, TypeError) as error:
        raise InvalidMessage("A result can't be read.") from error


def error_message(number: int | None, error: BaseException) -> Message:
    kind = next((name for name, row in _KINDS.items() if isinstance(error, row)), "engine")
    if isinstance(error, RequestCancelled):
        kind = "cancelled"
    hint = getattr(error, "hint", None)
    return {
        "type": "error",
        "id": number,
        "kind": kind,
        "message": str(error),
        "hint": hint,
        "option": getattr(error, "option", None),
    }


def read_error(message: Message) -> ParakeetError:
    if message.get("kind") == "cancelled":
        return RequestCancelled()
    kind = _KINDS.get(str(message.get("kind")), EngineError)
    text, hint = str(message.get("message")), _text_or_none(message.get("hint"))
    if kind is UsageError:
        return UsageError(text, hint=hint, option=_text_or_none(message.get("option")))
    return kind(text, hint=hint)


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None


def welcome_message(properties: EngineProperties) -> Message:
    return {"type": "welcome", "properties": asdict(properties)}


def read_properties(message: Message) -> EngineProperties:
    """Raises InvalidMessage."""
    try:
        given = dict(message["properties"])
        info = EngineInfo(**given.pop("info"))
        languages = tuple(given.pop("languages"))
        return EngineProperties(info=info, languages=languages, **given)
    except (KeyError, TypeError) as error:
        raise InvalidMessage("An engine's properties can't be read.") from error
