"""Defines how a model decodes: the options of the Whisper family, which few engines can honour."""

from __future__ import annotations

from dataclasses import dataclass, fields

TRANSCRIBE, TRANSLATE = "transcribe", "translate"
TASKS = (TRANSCRIBE, TRANSLATE)

# CTranslate2's own names; `default` is the type that the model was saved in, `auto` the fastest.
COMPUTE_TYPES = (
    "default",
    "auto",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
    "int16",
    "float16",
    "bfloat16",
    "float32",
)


@dataclass(frozen=True, slots=True)
class Decoding:
    """What can be asked of a decoder; the defaults ask nothing.

    `temperature` is where sampling starts, 0 for a beam search; what fails there is tried at
    higher ones. None as `compute_type` is the engine's own.
    """

    task: str = TRANSCRIBE
    initial_prompt: str | None = None
    compute_type: str | None = None
    temperature: float = 0.0
    condition_on_previous_text: bool = False
    suppress_numerals: bool = False

    @property
    def translates(self) -> bool:
        return self.task == TRANSLATE

    @property
    def asked(self) -> tuple[str, ...]:
        """The names of the fields that aren't at their defaults."""
        return tuple(one.name for one in fields(self) if getattr(self, one.name) != one.default)


EVERY_OPTION = frozenset(one.name for one in fields(Decoding))


def in_words(name: str) -> str:
    """A field as the option that sets it: `--task translate`, `--initial-prompt`."""
    option = "--" + name.replace("_", "-")
    return f"{option} {TRANSLATE}" if name == "task" else option
