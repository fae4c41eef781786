"""Reads options, the environment and config.json into one frozen Settings.

An option wins over the environment, that over the file, that over the default. For the
engine there is one more: the mock switch of PersonalParakeet,
`PERSONALPARAKEET_USE_MOCK_STT=true` or `"use_mock_stt": true`, wins over PARAKEET_ENGINE
and over the file's `engine`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parakeet_cli.config import values as readers
from parakeet_cli.config.dictate import (
    SECTION,
    TOP_NAMES,
    DictateSections,
    combined,
    read_sections,
)
from parakeet_cli.config.settings import (
    COMBINED,
    FILE_ONLY,
    OPTIONS,
    SETTINGS,
    TYPE_NAMES,
    Settings,
)
from parakeet_cli.errors import ConfigError
from parakeet_cli.system.regular_files import read_regular

CONFIG_VERSION = 1
MOCK_VARIABLE = "PERSONALPARAKEET_USE_MOCK_STT"
CONFIG_VARIABLE = "PARAKEET_CONFIG"


def config_path(given: str | None = None) -> Path:
    """The path of the configuration file: `--config`, PARAKEET_CONFIG, or the user's folder."""
    named = given or os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("parakeet") / "config.json"


def load_settings(
    options: Mapping[str, Any],
    *,
    config: str | None = None,
    dictation: bool = False,
    profile: str | None = None,
) -> Settings:
    """The settings from options (None: not given), the environment and the file.

    With `dictation` the file's "dictate" counts more than its other keys, and the profile, or
    the one that "dictate" names, more than that. Raises ConfigError, which names the key and
    the file or variable.
    """
    path = config_path(config)
    named = bool(config or os.environ.get(CONFIG_VARIABLE))
    file, warnings = _read_file(path, must_exist=named)
    sections: DictateSections = file.pop("sections", DictateSections())
    levels = [(file, str(path))]
    if dictation:
        levels += _dictate_levels(sections, path, profile)
    taken = _Taken()
    mock = _mock_by_variable()
    for content, origin in levels:
        taken.take_level(content, origin)
        if content.get("use_mock_stt") and mock is not False:
            taken.take("engine", "mock", f'"use_mock_stt": true in {path}')
    for name, setting in SETTINGS.items():
        if setting.variable and (given := os.environ.get(setting.variable)):
            taken.take(name, given, setting.variable)
    if mock:
        taken.take("engine", "mock", f"{MOCK_VARIABLE}=true")
    for name in SETTINGS:
        if options.get(name) is not None:
            option = OPTIONS.get(name, "--" + name.replace("_", "-"))
            taken.add(name, options[name], option)
    if python := taken.values.get("ml_python"):
        taken.values["ml_python"] = _python_of(python)
    taken.drop_model_of_another_engine([origin for _, origin in levels])
    return Settings(
        **taken.values,
        origins=taken.origins,
        warnings=tuple(warnings),
        dictate=taken.dictate,
        sections=sections,
    )


def _python_of(named: str) -> str:
    """A path, or the Python of the environment that `parakeet setup` keeps under this name."""
    if os.sep in named:
        return named
    from platformdirs import user_data_path

    from parakeet_cli.system.environments import python_named

    return python_named(user_data_path("parakeet"), named)


class _Taken:
    """The settings taken so far: each level, the file's first, overrides those before it."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.dictate: dict[str, Any] = {}  # the options that only dictation has
        self.origins: dict[str, str] = {}
        self._engine = self._model_engine = "auto"  # set in the file, and where its model is

    def take(self, name: str, value: Any, origin: str) -> None:
        """Raises ConfigError if it isn't a value of that setting."""
        try:
            self.values[name] = SETTINGS[name].read(value)
        except ValueError as error:
            raise ConfigError(f"{origin}: '{name}' {error}, not {value!r}.") from None
        self.origins[name] = origin

    def add(self, name: str, value: Any, origin: str) -> None:
        """Take it with what the levels below have, where they are added together."""
        if name in COMBINED and name in self.values:
            value = combined(self.values[name], value)
        self.take(name, value, origin)

    def take_level(self, content: Mapping[str, Any], origin: str) -> None:
        """Take what a part of the file has."""
        for name, value in content.items():
            if name in SETTINGS:
                self.add(name, value, origin)
            elif name not in FILE_ONLY:
                self.dictate[name], self.origins[f"dictate.{name}"] = value, origin
        self._engine = content.get("engine", self._engine)
        if "model" in content:
            self._model_engine = self._engine

    def drop_model_of_another_engine(self, file_origins: list[str]) -> None:
        """Drop the file's model if it belongs to the engine there, and another was asked for."""
        of_the_file = self.origins.get("model") in file_origins
        if of_the_file and self._model_engine not in ("auto", self.values.get("engine")):
            del self.values["model"], self.origins["model"]


def _dictate_levels(
    sections: DictateSections, path: Path, profile: str | None
) -> Iterator[tuple[dict[str, Any], str]]:
    """The section "dictate" and that of the profile, each with where it is."""
    yield _by_setting(sections.dictate), f'"dictate" in {path}'
    name = profile or sections.dictate.get("profile")
    if name is None:
        return
    if name not in sections.profiles:
        known = ", ".join(sorted(sections.profiles))
        raise ConfigError(
            f"{path} has no profile '{name}'.",
            hint=f"Its profiles are {known}." if known else 'They go under "profiles" there.',
        )
    yield _by_setting(sections.profiles[name]), f"profile {name} in {path}"


def _by_setting(section: Mapping[str, Any]) -> dict[str, Any]:
    return {TOP_NAMES.get(key, key): value for key, value in section.items()}


def _mock_by_variable() -> bool | None:
    """The switch as it was set, None if it wasn't."""
    given = os.environ.get(MOCK_VARIABLE)
    try:
        return readers.switch(given) if given else None
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
    except (ValueError, RecursionError) as error:  # a number or a nesting without end
        raise ConfigError(f"{path} can't be read: {error}.") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must hold one JSON object, {{...}}.")
    return _checked(content, path)


def _checked(content: dict[str, Any], path: Path) -> tuple[dict[str, Any], list[str]]:
    version = content.get("version", CONFIG_VERSION)
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ConfigError(f"{path}: 'version' must be a whole number, not {version!r}.")
    warnings: list[str] = []

    def refuse(key: str, known: str) -> None:
        if version <= CONFIG_VERSION:
            raise ConfigError(f"{path}: '{key}' isn't a setting.", hint=f"Known: {known}.")
        warnings.append(
            f"{path} is of version {version}, newer than this program's "
            f"{CONFIG_VERSION}: '{key}' is unknown and was left out."
        )

    known = SETTINGS.keys() | FILE_ONLY.keys()
    for key, value in content.items():
        if key not in known:
            refuse(key, ", ".join(sorted(SETTINGS.keys() | {"dictate", "profiles"})))
        elif value is not None and not _is_of_type(value, expected := _json_type(key)):
            must = TYPE_NAMES[expected]
            if expected is str and isinstance(value, int) and not isinstance(value, bool):
                must = f'{must} in quotes, "{value}"'
            raise ConfigError(f"{path}: '{key}' must be {must}, not {value!r}.")
    try:
        sections = read_sections(content, lambda key: refuse(key, ", ".join(sorted(SECTION))))
    except ValueError as error:
        raise ConfigError(f"{path}: {error}.") from None
    checked = {key: content[key] for key in known & content.keys() if content[key] is not None}
    return checked | {"sections": sections}, warnings


def _json_type(key: str) -> type:
    return SETTINGS[key].json_type if key in SETTINGS else FILE_ONLY[key]


def _is_of_type(value: Any, expected: type) -> bool:
    return type(value) is expected or (expected is float and type(value) is int)


def initial_config() -> str:
    """The text that `parakeet config init` writes: the defaults, to be edited."""
    defaults = Settings()
    content = {"version": CONFIG_VERSION} | {name: getattr(defaults, name) for name in SETTINGS}
    content["dictate"] = {key: row.default for key, row in SECTION.items()}
    content["profiles"] = {}
    return json.dumps(content, indent=2) + "\n"
