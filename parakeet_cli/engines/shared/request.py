"""Defines what is asked of a shared engine, and what it says about itself."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.base import ChunkResult, Engine, EngineOptions, Polyglot
from parakeet_cli.engines.decoding import Decoding
from parakeet_cli.engines.shared.fair_queue import Priority
from parakeet_cli.errors import EngineError, ParakeetError
from parakeet_cli.models.registry import LANGUAGE_CODES, look_up
from parakeet_cli.transcript import EngineInfo


class RequestCancelled(ParakeetError):
    """The client left, or withdrew its request."""

    def __init__(self) -> None:
        super().__init__("The request was cancelled.")


class EngineDied(EngineError):
    """The process with the model ended while it had the chunk."""


class OwnerEnded(EngineDied):
    """The process that shared its engine ended while it had the chunk, for whatever reason."""

    def __init__(self) -> None:
        super().__init__("The process that shared its engine has ended.", hint="Send it again.")


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What one request asks of a loaded engine; None is what the engine was loaded with.

    An empty language is one that is detected, an empty prompt is none.
    """

    language: str | None = None  # ISO 639-1
    task: str | None = None  # transcribe or translate
    initial_prompt: str | None = None
    temperature: float | None = None  # 0 to 1
    terms: tuple[str, ...] = ()  # words to expect, beside those that the engine was loaded with

    def applied(self, options: EngineOptions) -> EngineOptions:
        """The options with what is asked."""
        given: dict[str, Any] = {
            name: value
            for name in ("task", "initial_prompt", "temperature")
            if (value := getattr(self, name)) is not None
        }
        if "initial_prompt" in given:
            given["initial_prompt"] = given["initial_prompt"] or None
        language = options.language if self.language is None else self.language or None
        return replace(
            options,
            language=language,
            decoding=replace(options.decoding, **given),
            terms=tuple(dict.fromkeys((*options.terms, *self.terms))),
        )

    def asks_nothing_of(self, options: EngineOptions) -> bool:
        return self.applied(options) == options


AS_LOADED = Adjustment()


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """A chunk to transcribe, for whom, and how urgent it is.

    Clients take turns; a job is what can be cancelled, one of a client's perhaps. What may have
    ended an engine's process is transcribed `alone`, so that nothing else can be lost with it.
    """

    chunk: Chunk
    client: str
    job: str
    priority: Priority = Priority.BATCH
    adjustment: Adjustment = AS_LOADED
    alone: bool = False


@dataclass(frozen=True, slots=True)
class EngineProperties:
    """What the pipeline wants to know about an engine; the fields are those of `Engine`."""

    info: EngineInfo
    max_chunk_seconds: float
    concurrency: int
    max_inflight_seconds: float
    needs_all_audio: bool
    invents_in_silence: bool
    languages: tuple[str, ...] = ()  # ISO 639-1, that the model knows; none if that isn't known

    @classmethod
    def of(cls, engine: Engine) -> EngineProperties:
        return cls(
            engine.info,
            engine.max_chunk_seconds,
            engine.concurrency,
            engine.max_inflight_seconds,
            engine.needs_all_audio,
            engine.invents_in_silence,
            _languages_of(engine),
        )


def _languages_of(engine: Engine) -> tuple[str, ...]:
    """Those that the loaded model says, else those that are known of a model of that name."""
    if isinstance(engine, Polyglot):
        return engine.languages
    known = look_up(engine.info.model)
    return LANGUAGE_CODES.get(known.languages or "", ()) if known is not None else ()


@dataclass(frozen=True, slots=True)
class EngineSetup:
    """Which engine to load. Two that are equal in `identity` give the same texts."""

    name: str
    options: EngineOptions
    concurrency: int = 64  # chunks: more would only wait

    @property
    def identity(self) -> dict[str, object]:
        """What decides the text, as JSON has it; what a request may adjust is left out."""
        options, usual = self.options, Decoding()
        decoding = replace(
            options.decoding,
            task=usual.task,
            initial_prompt=usual.initial_prompt,
            temperature=usual.temperature,
        )
        return {
            "engine": self.name,
            "model": options.model,
            "device": options.device,
            "beam_size": options.beam_size,
            "decoding": {name: getattr(decoding, name) for name in decoding.asked},
            "ml_python": options.ml_python,
            "trust_model": options.trust_model,
            "terms": list(options.terms),
            **({"text": list(options.text)} if options.text else {}),
        }

    @property
    def own_adjustment(self) -> Adjustment:
        """What these options ask of an engine of the same identity that is loaded already."""
        decoding = self.options.decoding
        return Adjustment(
            self.options.language or "",
            decoding.task,
            decoding.initial_prompt or "",
            decoding.temperature,
        )


class EngineAccess(Protocol):
    """A loaded engine, here or in another process, that takes requests from many clients."""

    @property
    def properties(self) -> EngineProperties: ...

    def wait_until_made(self) -> EngineProperties:
        """Wait until the engine can be used. Raises EngineUnavailable, UsageError."""
        ...

    def wait_until_loaded(self) -> str:
        """Wait for the model; where it runs, in words. Raises EngineUnavailable."""
        ...

    def submit(self, request: EngineRequest) -> Future[ChunkResult]:
        """Queue a chunk. The future raises EngineError, UsageError, EngineUnavailable."""
        ...

    def cancel(self, job: str) -> None:
        """Drop what waits for a job; its futures raise RequestCancelled."""
        ...


@dataclass(eq=False, slots=True)
class Waiting:
    """A request with the future of its result."""

    request: EngineRequest
    future: Future[ChunkResult] = field(default_factory=Future)

    def fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):  # its client had left
            self.future.set_exception(error)

    def succeed(self, result: ChunkResult) -> None:
        with suppress(InvalidStateError):
            self.future.set_result(result)
