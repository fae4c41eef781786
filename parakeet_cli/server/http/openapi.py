"""Describes the HTTP API in OpenAPI 3.1, from the table of the form's fields."""

from __future__ import annotations

from typing import Any

from parakeet_cli import __version__
from parakeet_cli.engines.decoding import TRANSCRIBE, TRANSLATE
from parakeet_cli.server.http.form import FIELDS
from parakeet_cli.server.http.upload import FILE

_ERRORS = {
    "400": "The request or its recording can't be used; the message says why.",
    "408": "The upload stalled.",
    "413": "The upload is too large.",
    "415": "The body is no form with a file.",
    "500": "The engine or the server failed.",
    "503": "The server is busy or the engine isn't ready; Retry-After says when to ask again.",
    "507": "The disk is full.",
}
_ANYWHERE = {
    "403": "A page of another site asks.",
    "421": "The server doesn't answer for that host.",
}
_ERROR_CONTENT = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}


def description(*, keys: bool) -> dict[str, Any]:
    """The document; with `keys`, requests need one."""
    more = {**_ANYWHERE, **({"401": "There is no valid key."} if keys else {})}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "parakeet serve",
            "version": __version__,
            "description": "OpenAI's transcription API in front of one loaded engine.",
        },
        **({"security": [{"key": []}]} if keys else {}),
        "paths": {
            "/v1/audio/transcriptions": {"post": _audio(TRANSCRIBE, "Transcribe", more)},
            "/v1/audio/translations": {"post": _audio(TRANSLATE, "Translate into English", more)},
            "/v1/models": {"get": _get("The loaded model", "#/components/schemas/Models", more)},
            "/v1/models/{name}": {
                "get": {
                    **_get(
                        "The loaded model, by its name",
                        "#/components/schemas/Model",
                        {**more, "404": "Another model is loaded."},
                    ),
                    "parameters": [
                        {
                            "name": "name",
                            "in": "path",
                            "required": True,
                            "schema": {"type": "string", "minLength": 1},
                        }
                    ],
                }
            },
            "/health": {"get": _health()},
        },
        "components": {
            "schemas": _SCHEMAS,
            **({"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}} if keys else {}),
        },
    }


def _errors(rows: dict[str, str]) -> dict[str, Any]:
    return {
        status: {"description": text, "content": _ERROR_CONTENT} for status, text in rows.items()
    }


def _get(summary: str, schema: str, errors: dict[str, str]) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": schema}}}
    return {
        "summary": summary,
        "responses": {"200": {"description": summary, "content": content}, **_errors(errors)},
    }


def _health() -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Health"}}}
    return {
        "summary": "Whether the engine is ready",
        "security": [],
        "responses": {
            "200": {"description": "It is ready.", "content": content},
            "503": {"description": "It is loading, or can't be used.", "content": content},
            **_errors(_ANYWHERE),
        },
    }


def _audio(task: str, summary: str, errors: dict[str, str]) -> dict[str, Any]:
    properties: dict[str, Any] = {
        FILE: {"type": "string", "format": "binary", "description": "Anything that libav opens."}
    }
    for name, row in FIELDS.items():
        if task in row.tasks:
            properties[f"{name}[]" if row.many else name] = dict(row.schema)
    text = {"schema": {"type": "string"}}
    content = {
        "application/json": {"schema": {"$ref": "#/components/schemas/Text"}},
        "text/plain": text,
        "text/vtt": text,
        "application/x-subrip": text,
        **({"text/event-stream": text} if task == TRANSCRIBE else {}),
    }
    return {
        "summary": summary,
        "requestBody": {
            "required": True,
            "content": {
                "multipart/form-data": {
                    "schema": {"type": "object", "required": [FILE], "properties": properties}
                }
            },
        },
        "responses": {
            "200": {"description": "The text", "content": content},
            **_errors({**_ERRORS, **errors}),
        },
    }


def _object(required: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": {**required, **more}}


_STRING, _NUMBER = {"type": "string"}, {"type": "number"}
_OPTIONAL = {"type": ["string", "null"]}
_MODEL = _object(
    {
        "id": _STRING,
        "object": {"const": "model"},
        "created": {"type": "integer"},
        "owned_by": _STRING,
    }
)
_SCHEMAS: dict[str, Any] = {
    "Error": _object(
        {
            "error": _object(
                {"message": _STRING, "type": _STRING, "param": _OPTIONAL, "code": _OPTIONAL}
            )
        }
    ),
    "Text": _object(
        {
            "text": _STRING,
            "model": _STRING,
            "status": {"type": "string", "enum": ["ok", "partial"]},
            "warnings": {
                "type": "array",
                "items": _object({"kind": _STRING, "message": _STRING}, start=_NUMBER, end=_NUMBER),
            },
        },
        task=_STRING,
        language=_STRING,
        duration=_NUMBER,
        segments={"type": "array", "items": {"type": "object"}},
        words={
            "type": "array",
            "items": _object({"word": _STRING, "start": _NUMBER, "end": _NUMBER}),
        },
    ),
    "Model": _MODEL,
    "Models": _object({"object": {"const": "list"}, "data": {"type": "array", "items": _MODEL}}),
    "Health": _object({"status": {"type": "string"}, "engine": _STRING, "model": _STRING}),
}
