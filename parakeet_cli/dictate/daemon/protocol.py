"""The daemon's protocol: one request and one answer, a JSON object a line each."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from parakeet_cli.errors import ParakeetError

MAX_LINE = 64 * 1024  # bytes


class InvalidMessage(ParakeetError):
    """A line that isn't a message."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of a request, and the state of the dictation after it."""

    ok: bool
    state: Mapping[str, object] = field(default_factory=dict)
    error: str | None = None
    hint: str | None = None

    def encode(self) -> bytes:
        return _line({"ok": self.ok, "state": self.state, "error": self.error, "hint": self.hint})

    @classmethod
    def decode(cls, line: bytes) -> Answer:
        message = _object(line)
        state, error, hint = (message.get(name) for name in ("state", "error", "hint"))
        return cls(
            message.get("ok") is True,
            state if isinstance(state, dict) else {},
            error if isinstance(error, str) else None,
            hint if isinstance(hint, str) else None,
        )


def encode_request(verb: str, profile: str | None = None) -> bytes:
    return _line({"verb": verb} if profile is None else {"verb": verb, "profile": profile})


def decode_request(line: bytes) -> tuple[str, str | None]:
    """The verb of a request, and its profile if it names one. Raises InvalidMessage."""
    message = _object(line)
    verb, profile = message.get("verb"), message.get("profile")
    if not isinstance(verb, str):
        raise InvalidMessage("A request must have a verb.")
    if not isinstance(profile, str | None):
        raise InvalidMessage("The profile of a request must be a name.")
    return verb, profile


def read_line(connection: socket.socket, *, seconds: float) -> bytes:
    """One line; b"" if the other end sends nothing. Raises InvalidMessage, OSError.

    TimeoutError if the whole line hasn't come after that time.
    """
    data = b""
    until = time.monotonic() + seconds
    while not data.endswith(b"\n"):
        connection.settimeout(max(0.001, until - time.monotonic()))
        more = connection.recv(4096)
        if not more:
            break
        data += more
        if len(data) > MAX_LINE:
            raise InvalidMessage("A request must be one short line.")
    return data


def _line(message: Mapping[str, object]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _object(line: bytes) -> dict[str, object]:
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidMessage("The message isn't JSON.") from None
    if not isinstance(message, dict):
        raise InvalidMessage("The message isn't a JSON object.")
    return message
