"""What a request asks for, read from the fields of its form; what can't be honoured is refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from parakeet_cli.engines.decoding import TRANSCRIBE, TRANSLATE, Decoding
from parakeet_cli.engines.registry import ENGINES, unfit_option
from parakeet_cli.engines.shared.request import Adjustment
from parakeet_cli.server.http.errors import FIELDS_OF_OPTIONS, ApiError
from parakeet_cli.server.http.upload import FILE, Form
from parakeet_cli.server.languages import read_language
from parakeet_cli.server.request import MAX_PROMPT
from parakeet_cli.vocabulary.terms import phrases, split_hotwords

JSON, TEXT, SRT, VTT, VERBOSE, DIARIZED = (
    "json",
    "text",
    "srt",
    "vtt",
    "verbose_json",
    "diarized_json",
)
RESPONSE_FORMATS = (JSON, TEXT, SRT, VERBOSE, VTT, DIARIZED)
STREAMED = frozenset({JSON, TEXT, DIARIZED})
GRANULARITIES = ("segment", "word")
_LIST = "[]"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks for. `ignored` are fields that nothing here knows."""

    task: str = TRANSCRIBE
    response_format: str = JSON
    language: str | None = None
    prompt: str | None = None
    temperature: float | None = None
    stream: bool = False
    granularities: frozenset[str] = frozenset()
    ignored: tuple[str, ...] = ()
    left_out: str | None = None  # a language that the model detects by itself
    vocabulary: tuple[str, ...] = ()  # entries of words to expect

    @property
    def adjustment(self) -> Adjustment:
        task = TRANSLATE if self.task == TRANSLATE else None
        terms = phrases(self.vocabulary)
        return Adjustment(self.language, task, self.prompt, self.temperature, terms)


def _temperature(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not 0.0 <= number <= 1.0:
        raise ValueError("must be a number from 0 to 1")
    return number


def _switch(value: str) -> bool:
    if value.lower() not in ("true", "false", "1", "0"):
        raise ValueError("must be true or false")
    return value.lower() in ("true", "1")


def _prompt(value: str) -> str:
    if len(value) > MAX_PROMPT:
        raise ValueError(f"may have {MAX_PROMPT} characters")
    return value


def _one_of(*names: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return value

    return read


def _refused(why: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        raise ValueError(why)

    return read


def _anything(value: str) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form: how its text is read, and its JSON Schema for the description."""

    read: Callable[[str], Any]
    schema: Mapping[str, Any]
    target: str | None = None  # of `Asked`; None is understood and changes nothing
    tasks: tuple[str, ...] = (TRANSCRIBE, TRANSLATE)
    many: bool = False


FIELDS: dict[str, Field] = {
    "model": Field(_anything, {"type": "string"}),  # the loaded engine answers, and says so
    "response_format": Field(
        _one_of(*RESPONSE_FORMATS),
        {"type": "string", "enum": list(RESPONSE_FORMATS), "default": JSON},
        "response_format",
    ),
    "language": Field(
        read_language, {"type": "string", "example": "en"}, "language", tasks=(TRANSCRIBE,)
    ),
    "prompt": Field(_prompt, {"type": "string", "maxLength": MAX_PROMPT}, "prompt"),
    "temperature": Field(
        _temperature, {"type": "number", "minimum": 0, "maximum": 1}, "temperature"
    ),
    "stream": Field(_switch, {"type": "boolean", "default": False}, "stream", tasks=(TRANSCRIBE,)),
    "timestamp_granularities": Field(
        _one_of(*GRANULARITIES),
        {"type": "array", "items": {"type": "string", "enum": list(GRANULARITIES)}},
        "granularities",
        tasks=(TRANSCRIBE,),
        many=True,
    ),
    "include": Field(
        _refused(
            "can't be honoured: the engine gives confidence with words, not log probabilities"
        ),
        {"type": "array", "items": {"type": "string"}, "maxItems": 0},
        tasks=(TRANSCRIBE,),
        many=True,
    ),
    # Long recordings are always cut in silence.
    "chunking_strategy": Field(_anything, {"type": "string"}, tasks=(TRANSCRIBE,)),
    "user": Field(_anything, {"type": "string"}),
}


def read_asked(form: Form, task: str) -> Asked:
    """What the form asks for. Raises ApiError, which names the field."""
    if form.file_bytes is None:
        raise ApiError(400, "There is no file.", code="missing_file", param=FILE)
    if not form.file_bytes:
        raise ApiError(400, "The file is empty.", code="invalid_audio", param=FILE)
    values: dict[str, Any] = {"task": task}
    ignored: list[str] = []
    seen: set[str] = set()
    for given, text in form.texts:
        name = given.removesuffix(_LIST)
        row = FIELDS.get(name)
        if row is None or task not in row.tasks:
            ignored.append(given)
            continue
        if name in seen and not row.many:
            raise ApiError(400, f"`{name}` is given twice.", code="invalid_value", param=name)
        seen.add(name)
        if text or name in ("response_format", "timestamp_granularities", "include"):
            _take(values, name, row, text)
    return _checked(Asked(**values, ignored=tuple(dict.fromkeys(ignored))))


def words_of_prompt(asked: Asked, engine: str) -> Asked:
    """For an engine without prompts, the prompt's words with commas between are its vocabulary.

    Raises ApiError for what can't be one.
    """
    if not asked.prompt or "initial_prompt" in ENGINES[engine].honours:
        return asked
    try:
        return replace(asked, prompt=None, vocabulary=split_hotwords(asked.prompt))
    except ValueError as error:
        raise ApiError(
            400,
            f"The engine {engine} takes a prompt as words to expect, with commas between: {error}.",
            code="invalid_value",
            param="prompt",
        ) from None


def refuse_unfit_fields(engine: str, decoding: Decoding) -> None:
    """Raise ApiError for what was asked of the decoder and the engine can't honour."""
    if (unfit := unfit_option(engine, decoding)) is None:
        return
    option, engines = unfit
    name = FIELDS_OF_OPTIONS.get(option)
    asked = "translate" if option == "task" else f"honour `{name or option}`"
    able = " or ".join(f"`parakeet serve --engine {row}`" for row in engines)
    raise ApiError(
        400,
        f"The engine {engine} can't {asked}; {able} can.",
        code="unsupported_value",
        param=name,
    )


def _take(values: dict[str, Any], name: str, row: Field, text: str) -> None:
    try:
        value = row.read(text)
    except ValueError as error:
        raise ApiError(400, f"`{name}` {error}.", code="invalid_value", param=name) from None
    if row.target is None:
        return
    if row.many:
        value = values.get(row.target, frozenset()) | {value}
    values[row.target] = value


def _checked(asked: Asked) -> Asked:
    """Raise ApiError for values that exclude each other."""
    if asked.granularities and asked.response_format != VERBOSE:
        raise ApiError(
            400,
            "`timestamp_granularities[]` needs `response_format=verbose_json`.",
            code="invalid_value",
            param="timestamp_granularities",
        )
    if asked.stream and asked.response_format not in STREAMED:
        raise ApiError(
            400,
            f"`stream=true` gives text, not {asked.response_format}: leave one of them out.",
            code="invalid_value",
            param="stream",
        )
    if asked.task == TRANSLATE and asked.response_format == DIARIZED:
        raise ApiError(
            400,
            "A translation has no speakers.",
            code="invalid_value",
            param="response_format",
        )
    return replace(asked, granularities=asked.granularities or frozenset({"segment"}))
