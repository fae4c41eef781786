"""Speech to text, behind one protocol and one table; the only home of the models.

Adding an engine is a module here with a class that follows `base.Engine`, and a row in
ENGINES. Nothing of an engine is imported before it is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from parakeet_cli.errors import EngineUnavailable, UsageError

if TYPE_CHECKING:
    from parakeet_cli.engines.base import Engine, EngineOptions

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class EngineRow:
    """One engine: a line of help, and where its class is (None: not in this version)."""

    help: str
    location: str | None


ENGINES: dict[str, EngineRow] = {
    "whisper": EngineRow(
        "Whisper by faster-whisper; tiny.en is embedded", "parakeet_cli.engines.whisper:Whisper"
    ),
    "mock": EngineRow("a made-up transcript, for CI", "parakeet_cli.engines.mock:Mock"),
    "nemo": EngineRow("Parakeet by NVIDIA NeMo", "parakeet_cli.engines.nemo:Nemo"),
    "onnx": EngineRow("Parakeet by ONNX Runtime", "parakeet_cli.engines.onnx:Onnx"),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that will be used, and why it is that one."""

    name: str
    reason: str


def engine_names() -> tuple[str, ...]:
    """What `--engine` takes, `auto` first."""
    return (AUTO, *ENGINES)


def choose(asked: str, origin: str) -> Choice:
    """Settle `auto`; an engine asked for by name is never replaced by another.

    `origin` says where the name came from (an option, a variable, a file). Raises
    UsageError for a name that is none, EngineUnavailable for one that can't be used.
    """
    if asked == AUTO:
        return Choice("whisper", "auto: nothing else is set up")
    if asked not in ENGINES:
        raise UsageError(
            f"There is no engine called '{asked}' ({origin}).",
            hint=f"Choose one of: {', '.join(engine_names())}.",
        )
    if ENGINES[asked].location is None:
        raise EngineUnavailable(
            f"The engine '{asked}' ({origin}) is not part of this version.",
            hint="`parakeet doctor` shows the state of the ML stack; "
            "`--engine whisper` transcribes with the embedded model.",
        )
    return Choice(asked, origin)


def make_engine(name: str, options: EngineOptions, *, lanes: int) -> Engine:
    """The engine of that name, not yet loaded.

    `lanes` is how many chunks there can be to work on at once: an engine that shares
    its cores between chunks gives them all to one where there is only one.
    """
    location = ENGINES[name].location
    assert location is not None, "choose() refuses engines that are not there"
    module, _, attribute = location.partition(":")
    engine: Engine = getattr(import_module(module), attribute)(options, lanes=lanes)
    return engine
