"""Errors in OpenAI's shape, with our reasons."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from parakeet_cli.engines.shared.request import EngineDied, RequestCancelled
from parakeet_cli.errors import (
    EngineError,
    EngineUnavailable,
    InputError,
    TranscriptionError,
    UsageError,
)
from parakeet_cli.server.work import Busy

_SERVED = r"`parakeet serve --engine \1\2`"
INVALID, SERVER, LOADED = "invalid_request_error", "server_error", "overloaded_error"


class ApiError(Exception):
    """An answer that is an error; `param` names the field that is at fault."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param = status, code, param
        self.headers = dict(headers or {})

    @property
    def type(self) -> str:
        return INVALID if self.status < 500 else SERVER

    def body(self) -> dict[str, object]:
        return {
            "error": {
                "message": str(self),
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }

    def response(self) -> Response:
        return JSONResponse(self.body(), self.status, headers=self.headers)


@dataclass(frozen=True, slots=True)
class _Row:
    """How errors of one class are answered."""

    error: type[BaseException]
    status: int
    code: str


# The first row whose class fits.
_ROWS = (
    _Row(Busy, 503, "server_busy"),
    _Row(EngineDied, 503, "engine_died"),
    _Row(EngineUnavailable, 503, "engine_unavailable"),
    _Row(RequestCancelled, 503, "cancelled"),
    _Row(EngineError, 500, "engine_failed"),
    _Row(UsageError, 400, "unsupported_value"),
    _Row(InputError, 400, "invalid_audio"),
    _Row(TranscriptionError, 400, "invalid_audio"),
)


# The fields of a request, by the options that they stand for. A route stands for a translation.
FIELDS_OF_OPTIONS = {
    "language": "language",
    "initial_prompt": "prompt",
    "temperature": "temperature",
    "terms": "prompt",
}
# What messages say of options, and what clients know instead; the first that fits.
_WORDS = (
    (re.compile(r"(?<!serve )--engine ([\w.-]+)((?: --model [\w./-]+)?)"), _SERVED),
    (re.compile(r"--task translate"), "translation"),
    (re.compile(r"--initial-prompt"), "`prompt`"),
    (re.compile(r"--(language|temperature)\b"), r"`\1`"),
)


def in_words_of_clients(text: str) -> str:
    """The text with the fields of requests in place of the command's options."""
    for pattern, words in _WORDS:
        text = pattern.sub(words, text)
    return text


def as_api_error(error: BaseException) -> ApiError:
    """The answer for an error; one that isn't ours says nothing of its inside."""
    if isinstance(error, ApiError):
        return error
    for row in _ROWS:
        if isinstance(error, row.error):
            hint = getattr(error, "hint", None)
            message = f"{error} {hint}" if hint else str(error)
            wait = str(error.seconds if isinstance(error, Busy) else 1)
            headers = {"Retry-After": wait} if row.status == 503 else {}
            param = "file" if row.code == "invalid_audio" else None
            if isinstance(error, UsageError):
                param = FIELDS_OF_OPTIONS.get(error.option or "")
                message = in_words_of_clients(message)
            return ApiError(row.status, message, code=row.code, param=param, headers=headers)
    return ApiError(500, "The server failed unexpectedly; its log says how.", code="internal")
