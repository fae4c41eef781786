"""Makes the JSON Schema of config.json, from the tables that read it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from parakeet_cli.config import CONFIG_VERSION, dictate
from parakeet_cli.config import values as readers
from parakeet_cli.config.dictate import SECTION
from parakeet_cli.config.settings import SETTINGS, Settings
from parakeet_cli.speakers.count import PATTERN as SPEAKERS_PATTERN

_TEXT = {"type": "string", "minLength": 1}
# A term, or `heard => written`.
_ENTRY = {
    "type": "string",
    "maxLength": 200,
    "pattern": r"^(?!\s*=>)(?![\s\S]*=>\s*$)(?![\s\S]*=>[\s\S]*=>)[\s\S]*\S",
}
_WORDS = {"type": "array", "items": _ENTRY}
_REPLACEMENTS = {
    "type": "object",
    "propertyNames": {"pattern": r"\S"},
    "additionalProperties": {"type": "string"},
}
_COUNT = {"type": "integer", "minimum": 1}

# What each reader takes, in JSON.
_TAKES: Mapping[Callable[..., Any], Mapping[str, Any]] = {
    readers.text: _TEXT,
    readers.prompt: {"type": "string"},
    readers.language: _TEXT,
    readers.device: {"type": "string", "pattern": "^(auto|cpu|cuda(:[0-9]+)?)$"},
    readers.whole: _COUNT,
    readers.days: {"type": "integer", "minimum": 0},
    readers.speakers: {"type": "string", "pattern": SPEAKERS_PATTERN},
    readers.switch: {"type": "boolean"},
    readers.words: _WORDS,
    readers.hotwords: _TEXT,
    readers.replacements: _REPLACEMENTS,
    dictate.boolean: {"type": "boolean"},
    dictate.integer: _COUNT,
    dictate.microphone: {"anyOf": [_TEXT, {"type": "integer", "minimum": 0}]},
    dictate.strings: {"type": "array", "items": _TEXT},
    dictate.words: _WORDS,
    dictate.replacements: _REPLACEMENTS,
}
# The same of readers with bounds, from their names to the schema's.
_BOUNDS = {"least": "minimum", "most": "maximum"}


def config_schema() -> str:
    """The JSON Schema (2020-12) of what `load_settings` accepts in a file of this version."""
    defaults = Settings()
    section = _section(in_profiles=False)
    keys: dict[str, Any] = {
        "version": {"description": "of the form of this file", "const": CONFIG_VERSION},
        "use_mock_stt": _or_null({"type": "boolean"}, "an invented transcript, for CI"),
    }
    for name, setting in SETTINGS.items():
        described = _or_null(_taken_by(setting.read), setting.help)
        keys[name] = {**described, "default": getattr(defaults, name)}
    keys["dictate"] = _or_null(section, "the options of `parakeet dictate` by their long names")
    keys["profiles"] = _or_null(
        {"type": "object", "additionalProperties": _or_null(_section(in_profiles=True))},
        "the same by the name of each profile, for --profile",
    )
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"config.json of parakeet, version {CONFIG_VERSION}",
        **_object(keys),
    }
    return json.dumps(schema, indent=2) + "\n"


def _section(*, in_profiles: bool) -> dict[str, Any]:
    return _object(
        {
            name: {**_or_null(_taken_by(row.read)), "default": row.default}
            for name, row in SECTION.items()
            if row.in_profiles or not in_profiles
        }
    )


def _object(keys: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": keys}


def _or_null(taken: Mapping[str, Any], description: str | None = None) -> dict[str, Any]:
    """What takes this, or null, which is as if the key weren't there."""
    described = {"description": description} if description else {}
    return {**described, "anyOf": [taken, {"type": "null"}]}


def _taken_by(read: Callable[[Any], Any]) -> Mapping[str, Any]:
    if not isinstance(read, partial):
        return _TAKES[read]
    if read.func is readers.one_of:
        return {"enum": read.keywords["names"]}
    bounds = {_BOUNDS[name]: value for name, value in read.keywords.items()}
    return {"type": "number", **bounds}
