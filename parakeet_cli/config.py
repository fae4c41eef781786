"""Reads options, the environment and config.json into one frozen Settings.

An option wins over the environment, that over the file, that over the default. For the
engine there is one more: the mock switch of PersonalParakeet,
`PERSONALPARAKEET_USE_MOCK_STT=true` or `"use_mock_stt": true`, wins over PARAKEET_ENGINE
and over the file's `engine`.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from parakeet_cli.engines.decoding import COMPUTE_TYPES, TASKS, TRANSCRIBE, Decoding
from parakeet_cli.errors import ConfigError
from parakeet_cli.system.regular_files import read_regular

CONFIG_VERSION = 1
MOCK_VARIABLE = "PERSONALPARAKEET_USE_MOCK_STT"
CONFIG_VARIABLE = "PARAKEET_CONFIG"

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its value; `origins` has where each value came from."""

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
    replacements: Mapping[str, str] = field(default_factory=dict)
    vocabulary: tuple[str, ...] = ()
    history_days: int = 30
    origins: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    @property
    def decoding(self) -> Decoding:
        """What is asked of the engine's decoder."""
        return Decoding(**{one.name: getattr(self, one.name) for one in fields(Decoding)})


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a string")
    return value


def _prompt(value: Any) -> str | None:
    return _text(value) if value != "" else None


def _whole(value: Any, least: int = 1) -> int:
    if isinstance(value, str) and re.fullmatch(r"\d+", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ValueError(f"must be a whole number of at least {least}")
    return value


def _number(value: Any, least: float, most: float) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = math.nan
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"must be a number from {least:g} to {most:g}")
    return float(value)


def _one_of(names: Sequence[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if value not in names:
            raise ValueError(f"must be one of {', '.join(names)}")
        return str(value)

    return read


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _TRUE | _FALSE:
        return value.lower() in _TRUE
    raise ValueError("must be true or false")


def _language(value: Any) -> str:
    return _text(value).lower()


def _device(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValueError("must be auto, cpu, cuda or cuda:N")
    return value


def _temperature(value: Any) -> float:
    return _number(value, 0.0, 1.0)


def _probability(value: Any) -> float:
    return _number(value, 0.01, 0.999)


def _silence(value: Any) -> float:
    return _number(value, 0.1, 60.0)


def _days(value: Any) -> int:
    return _whole(value, least=0)


def _replacements(value: Any) -> Mapping[str, str]:
    if not all(key.strip() and isinstance(text, str) for key, text in value.items()):
        raise ValueError('must be like {"said": "written"}')
    return dict(value)


def _words(value: Any) -> tuple[str, ...]:
    if not all(isinstance(word, str) and word.strip() for word in value):
        raise ValueError('must be a list of words, ["like", "these"]')
    return tuple(value)


@dataclass(frozen=True, slots=True)
class _Setting:
    """How one setting is read. In the file it has its JSON type, in a variable it is text.

    A setting without a variable can only be set in the file.
    """

    read: Callable[[Any], Any]
    json_type: type
    variable: str | None
    help: str


SETTINGS: dict[str, _Setting] = {
    "engine": _Setting(_text, str, "PARAKEET_ENGINE", "which engine transcribes"),
    "model": _Setting(_text, str, "PARAKEET_MODEL", "the model: an alias, a hub id or a path"),
    "device": _Setting(_device, str, "PARAKEET_DEVICE", "where it runs: auto, cpu, cuda or cuda:N"),
    "language": _Setting(_language, str, "PARAKEET_LANGUAGE", "the language spoken, e.g. en"),
    "beam_size": _Setting(_whole, int, "PARAKEET_BEAM_SIZE", "how many beams the search has"),
    "threads": _Setting(_whole, int, "PARAKEET_THREADS", "how many cores to use"),
    "offline": _Setting(_switch, bool, "PARAKEET_OFFLINE", "download nothing from a model hub"),
    "ml_python": _Setting(_text, str, "PARAKEET_ML_PYTHON", "the Python of the ML stack"),
    "task": _Setting(_one_of(TASKS), str, "PARAKEET_TASK", "transcribe, or translate into English"),
    "initial_prompt": _Setting(
        _prompt, str, "PARAKEET_INITIAL_PROMPT", "text before the first, for names and style"
    ),
    "temperature": _Setting(
        _temperature, float, "PARAKEET_TEMPERATURE", "where the decoder's sampling starts, 0 to 1"
    ),
    "condition_on_previous_text": _Setting(
        _switch, bool, "PARAKEET_CONDITION_ON_PREVIOUS_TEXT", "prompt with the text before"
    ),
    "suppress_numerals": _Setting(
        _switch, bool, "PARAKEET_SUPPRESS_NUMERALS", "write numbers in words"
    ),
    "compute_type": _Setting(
        _one_of(COMPUTE_TYPES), str, "PARAKEET_COMPUTE_TYPE", "the model's precision, e.g. int8"
    ),
    "vad_threshold": _Setting(
        _probability, float, "PARAKEET_VAD_THRESHOLD", "probability from which sound is speech"
    ),
    "vad_min_silence": _Setting(
        _silence, float, "PARAKEET_VAD_MIN_SILENCE", "seconds of silence that are left out"
    ),
    "replacements": _Setting(_replacements, dict, None, "dictate: spoken to written words"),
    "vocabulary": _Setting(_words, list, None, "dictate: names and terms, as they are spelled"),
    "history_days": _Setting(
        _days, int, "PARAKEET_HISTORY_DAYS", "dictate: days of history to keep"
    ),
}
_NAMES: dict[type, str] = {
    str: "a string",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object, {...}",
    list: "a list, [...]",
}
_OPTIONS = {"ml_python": "--python"}  # options that aren't named like their key
_FILE_ONLY: dict[str, type] = {"version": int, "use_mock_stt": bool}


def config_path(given: str | None = None) -> Path:
    """The path of the configuration file: `--config`, PARAKEET_CONFIG, or the user's folder."""
    named = given or os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("parakeet") / "config.json"


def load_settings(options: Mapping[str, Any], *, config: str | None = None) -> Settings:
    """The settings from options (None: not given), the environment and the file.

    Raises ConfigError, which names the key and the file or variable.
    """
    path = config_path(config)
    named = bool(config or os.environ.get(CONFIG_VARIABLE))
    file, warnings = _read_file(path, must_exist=named)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}

    def take(name: str, value: Any, origin: str) -> None:
        try:
            values[name] = SETTINGS[name].read(value)
        except ValueError as error:
            raise ConfigError(f"{origin}: '{name}' {error}, not {value!r}.") from None
        origins[name] = origin

    for name in SETTINGS:
        if name in file:
            take(name, file[name], str(path))
    mock = _mock_by_variable()
    if file.get("use_mock_stt") and mock is not False:
        take("engine", "mock", f'"use_mock_stt": true in {path}')
    for name, setting in SETTINGS.items():
        if setting.variable and (given := os.environ.get(setting.variable)):
            take(name, given, setting.variable)
    if mock:
        take("engine", "mock", f"{MOCK_VARIABLE}=true")
    for name in SETTINGS:
        if options.get(name) is not None:
            take(name, options[name], _OPTIONS.get(name, "--" + name.replace("_", "-")))
    if origins.get("model") == str(path) and _is_of_another_engine(file, values.get("engine")):
        del values["model"], origins["model"]
    return Settings(**values, origins=origins, warnings=tuple(warnings))


def _is_of_another_engine(file: Mapping[str, Any], engine: str | None) -> bool:
    """Whether the file's `model` belongs to an engine beside it, and another was asked for."""
    beside = file.get("engine", "auto")
    return bool(beside != "auto" and beside != engine)


def _mock_by_variable() -> bool | None:
    """The switch as it was set, None if it wasn't."""
    given = os.environ.get(MOCK_VARIABLE)
    try:
        return _switch(given) if given else None
    except ValueError as error:
        raise ConfigError(f"{MOCK_VARIABLE} {error}, not '{given}'.") from None


def _read_file(path: Path, *, must_exist: bool) -> tuple[dict[str, Any], list[str]]:
    try:
        text = read_regular(path).decode("utf-8-sig")
    except FileNotFoundError:
        if must_exist:
            raise ConfigError(
                f"The configuration file {path} doesn't exist.",
                hint=f"`parakeet config init --config {path}` creates it.",
            ) from None
        return {}, []
    except OSError as error:
        raise ConfigError(
            f"The configuration file {path} can't be read: {error.strerror}."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"The configuration file {path} can't be read: it isn't UTF-8."
        ) from error
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold one JSON object, {{...}}.")
    return _checked(content, path)


def _checked(content: dict[str, Any], path: Path) -> tuple[dict[str, Any], list[str]]:
    version = content.get("version", CONFIG_VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ConfigError(f"{path}: 'version' must be a whole number, not {version!r}.")
    newer = version > CONFIG_VERSION
    warnings = []
    for key, value in content.items():
        if key not in SETTINGS and key not in _FILE_ONLY:
            if not newer:
                raise ConfigError(
                    f"{path}: '{key}' isn't a setting.",
                    hint=f"Known: {', '.join(sorted(SETTINGS))}.",
                )
            warnings.append(
                f"{path} is of version {version}, newer than this program's "
                f"{CONFIG_VERSION}: '{key}' is unknown and was left out."
            )
        elif value is None and key in SETTINGS:
            continue
        else:
            expected = _json_type(key)
            if type(value) is not expected and (expected, type(value)) != (float, int):
                raise ConfigError(f"{path}: '{key}' must be {_NAMES[expected]}, not {value!r}.")
    return {
        key: value
        for key, value in content.items()
        if value is not None and (key in SETTINGS or key in _FILE_ONLY)
    }, warnings


def _json_type(key: str) -> type:
    return SETTINGS[key].json_type if key in SETTINGS else _FILE_ONLY[key]


def initial_config() -> str:
    """The text that `parakeet config init` writes: the defaults, to be edited."""
    defaults = Settings()
    content = {"version": CONFIG_VERSION} | {name: getattr(defaults, name) for name in SETTINGS}
    return json.dumps(content, indent=2) + "\n"
