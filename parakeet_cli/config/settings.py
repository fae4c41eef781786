"""The settings: their values, and how each is read from an option, a variable and config.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from parakeet_cli.config import values as readers
from parakeet_cli.config.dictate import DictateSections
from parakeet_cli.engines.decoding import COMPUTE_TYPES, TASKS, TRANSCRIBE, Decoding
from parakeet_cli.speakers.count import CAM, SpeakerCount
from parakeet_cli.vocabulary.terms import split_hotwords


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its value; `origins` has where each value came from.

    `dictate` has the options of dictation that the file gives, those of the profile in front,
    by their keys there; `sections` has all that the file has for dictation.
    """

    engine: str = "auto"
    model: str | None = None
    device: str = "auto"
    language: str | None = None
    beam_size: int = 5
    threads: int | None = None
    offline: bool = False
    ml_python: str | None = None
    task: str = TRANSCRIBE
    initial_prompt: str | None = None
    temperature: float = 0.0
    condition_on_previous_text: bool = False
    suppress_numerals: bool = False
    compute_type: str | None = None
    vad_threshold: float = 0.5
    vad_min_silence: float = 2.0
    speakers: str | None = None
    speakers_model: str = CAM
    replacements: Mapping[str, str] = field(default_factory=dict)
    vocabulary: tuple[str, ...] = ()
    hotwords: str | None = None
    history_days: int = 30
    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    dictate: Mapping[str, Any] = field(default_factory=dict)
    sections: DictateSections = field(default_factory=DictateSections)

    @property
    def terms(self) -> tuple[str, ...]:
        """The words to expect, as entries of a vocabulary: each once."""
        return tuple(dict.fromkeys((*self.vocabulary, *split_hotwords(self.hotwords or ""))))

    @property
    def decoding(self) -> Decoding:
        """What is asked of the engine's decoder."""
        return Decoding(**{one.name: getattr(self, one.name) for one in fields(Decoding)})

    @property
    def speaker_count(self) -> SpeakerCount | None:
        """How many speakers there may be; None if nobody asked who spoke."""
        return None if self.speakers is None else SpeakerCount.parse(self.speakers)


@dataclass(frozen=True, slots=True)
class Setting:
    """How one setting is read. In the file it has its JSON type, in a variable it is text.

    A setting without a variable can only be set in the file.
    """

    read: Callable[[Any], Any]
    json_type: type
    variable: str | None
    help: str


SETTINGS: dict[str, Setting] = {
    "engine": Setting(readers.text, str, "PARAKEET_ENGINE", "which engine transcribes"),
    "model": Setting(
        readers.text, str, "PARAKEET_MODEL", "the model: an alias, a hub id or a path"
    ),
    "device": Setting(
        readers.device, str, "PARAKEET_DEVICE", "where it runs: auto, cpu, cuda or cuda:N"
    ),
    "language": Setting(readers.language, str, "PARAKEET_LANGUAGE", "the language spoken, e.g. en"),
    "beam_size": Setting(readers.whole, int, "PARAKEET_BEAM_SIZE", "how many beams the search has"),
    "threads": Setting(readers.whole, int, "PARAKEET_THREADS", "how many cores to use"),
    "offline": Setting(
        readers.switch, bool, "PARAKEET_OFFLINE", "download nothing from a model hub"
    ),
    "ml_python": Setting(readers.text, str, "PARAKEET_ML_PYTHON", "the Python of the ML stack"),
    "task": Setting(
        partial(readers.one_of, names=TASKS),
        str,
        "PARAKEET_TASK",
        "transcribe, or translate into English",
    ),
    "initial_prompt": Setting(
        readers.prompt, str, "PARAKEET_INITIAL_PROMPT", "text before the first, for names and style"
    ),
    "temperature": Setting(
        partial(readers.within, least=0.0, most=1.0),
        float,
        "PARAKEET_TEMPERATURE",
        "where the decoder's sampling starts, 0 to 1",
    ),
    "condition_on_previous_text": Setting(
        readers.switch, bool, "PARAKEET_CONDITION_ON_PREVIOUS_TEXT", "prompt with the text before"
    ),
    "suppress_numerals": Setting(
        readers.switch, bool, "PARAKEET_SUPPRESS_NUMERALS", "write numbers in words"
    ),
    "compute_type": Setting(
        partial(readers.one_of, names=COMPUTE_TYPES),
        str,
        "PARAKEET_COMPUTE_TYPE",
        "the model's precision, e.g. int8",
    ),
    "vad_threshold": Setting(
        partial(readers.within, least=0.01, most=0.999),
        float,
        "PARAKEET_VAD_THRESHOLD",
        "probability from which sound is speech",
    ),
    "vad_min_silence": Setting(
        partial(readers.within, least=0.1, most=60.0),
        float,
        "PARAKEET_VAD_MIN_SILENCE",
        "seconds of silence that are left out",
    ),
    "speakers": Setting(
        readers.speakers, str, "PARAKEET_SPEAKERS", "transcribe: say who spoke: auto, N or N-M"
    ),
    "speakers_model": Setting(
        readers.text,
        str,
        "PARAKEET_SPEAKERS_MODEL",
        "transcribe: what tells speakers apart: cam++, sortformer or a .nemo",
    ),
    "replacements": Setting(readers.replacements, dict, None, "dictate: spoken to written words"),
    "vocabulary": Setting(
        readers.words, list, None, "words to expect: names and terms, as they are spelled"
    ),
    "hotwords": Setting(
        readers.hotwords, str, "PARAKEET_HOTWORDS", "more of them, with commas between"
    ),
    "history_days": Setting(
        readers.days, int, "PARAKEET_HISTORY_DAYS", "dictate: days of history to keep"
    ),
}
TYPE_NAMES: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object, {...}",
    list: "a list, [...]",
}
OPTIONS = {"ml_python": "--python"}  # options that aren't named like their key
FILE_ONLY: dict[str, type] = {
    "version": int,
    "use_mock_stt": bool,
    "dictate": dict,
    "profiles": dict,
}
COMBINED = ("vocabulary", "replacements")  # each level adds to the one below
