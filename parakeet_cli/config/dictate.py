"""Checks the sections "dictate" and "profiles" of config.json: the options of dictation by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from parakeet_cli.config import values as readers

# Where a row's setting has another name at the top of the file.
TOP_NAMES = {"python": "ml_python"}


@dataclass(frozen=True, slots=True)
class SectionKey:
    """How one option of dictation is read from its JSON value, and what it is without any."""

    read: Callable[[Any], Any]
    default: Any = None
    in_profiles: bool = True


def boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def integer(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError("must be a whole number of at least 1")
    return readers.whole(value)


def microphone(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return str(value)
    try:
        return readers.text(value)
    except ValueError:
        raise ValueError("must be a microphone's name or number") from None


def strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
        raise ValueError('must be a list of strings, ["like", "these"]')
    return tuple(value)


def words(value: Any) -> tuple[str, ...]:
    return readers.words(strings(value))


def replacements(value: Any) -> Mapping[str, str]:
    if not isinstance(value, dict):
        raise ValueError('must be an object, {"said": "written"}')
    return readers.replacements(value)


def _seconds(least: float) -> Callable[[Any], float]:
    return partial(readers.number, least=least)


# The options of `parakeet dictate` and of its verbs `start` and `toggle` by their long names,
# with underscores. What asks for something to be done once is none: --recover, --list-devices.
SECTION: dict[str, SectionKey] = {
    "sink": SectionKey(strings, ()),
    "input_device": SectionKey(microphone),
    "pre_roll": SectionKey(boolean, False),
    "pause_players": SectionKey(boolean, False),
    "overlay": SectionKey(boolean, False),
    "keep_audio": SectionKey(boolean, False),
    "keep_audio_days": SectionKey(_seconds(0.01), 7.0),
    "from_file": SectionKey(readers.text),
    "fast": SectionKey(boolean, False),
    "max_silence": SectionKey(_seconds(0.1), 0.6),
    "duration": SectionKey(_seconds(0.0)),
    "json": SectionKey(boolean, False),
    "no_partials": SectionKey(boolean, False),
    "commands": SectionKey(boolean, True),
    "digits": SectionKey(boolean, False),
    "fillers": SectionKey(partial(readers.one_of, names=("keep", "drop")), "keep"),
    "filter": SectionKey(readers.text),
    "enter": SectionKey(boolean, False),
    "stop_after_silence": SectionKey(_seconds(0.1)),
    "no_history": SectionKey(boolean, False),
    "vocabulary": SectionKey(words, ()),
    "hotwords": SectionKey(readers.hotwords),
    "replacements": SectionKey(replacements, {}),
    "engine": SectionKey(readers.text),
    "model": SectionKey(readers.text),
    "device": SectionKey(readers.device),
    "language": SectionKey(readers.language),
    "beam_size": SectionKey(integer),
    "threads": SectionKey(integer),
    "offline": SectionKey(boolean),
    "python": SectionKey(readers.text),
    "trust_model": SectionKey(boolean, False),
    "quiet": SectionKey(boolean, False),
    "verbose": SectionKey(boolean, False),
    "debug": SectionKey(boolean, False),
    "profile": SectionKey(readers.text, in_profiles=False),
    "idle_unload": SectionKey(_seconds(0.0)),
    "hotkey": SectionKey(readers.text),
    "push_to_talk": SectionKey(readers.text),
    "sounds": SectionKey(boolean, False),
    "notices": SectionKey(boolean, False),
}


@dataclass(frozen=True, slots=True)
class DictateSections:
    """The section "dictate" of a configuration file, and the "profiles" by their names."""

    dictate: Mapping[str, Any] = field(default_factory=dict)
    profiles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_sections(content: Mapping[str, Any], refuse: Callable[[str], None]) -> DictateSections:
    """The sections of a file's content, checked. Raises ValueError, which names the key.

    `refuse` is called with what is wrong about a key that is unknown: it raises, or warns if the
    file is of a newer version.
    """
    dictate = _section(content.get("dictate"), "dictate", refuse, is_profile=False)
    profiles = content.get("profiles")
    if profiles is None:
        profiles = {}
    if not isinstance(profiles, dict):
        raise ValueError(f"'profiles' must be an object, {{...}}, not {profiles!r}")
    return DictateSections(
        dictate,
        {
            name: _section(profile, f"profiles.{name}", refuse, is_profile=True)
            for name, profile in profiles.items()
        },
    )


def _section(
    content: Any, label: str, refuse: Callable[[str], None], *, is_profile: bool
) -> dict[str, Any]:
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(f"'{label}' must be an object, {{...}}, not {content!r}")
    section: dict[str, Any] = {}
    for key, value in content.items():
        row = SECTION.get(key)
        if row is None or (is_profile and not row.in_profiles):
            refuse(f"{label}.{key}")
        elif value is not None:
            try:
                section[key] = row.read(value)
            except ValueError as error:
                raise ValueError(f"'{label}.{key}' {error}, not {value!r}") from None
    return section


def combined(below: Any, above: Any) -> Any:
    """Vocabulary or replacements of two levels: all of both, and of the same phrase the upper."""
    if isinstance(above, Mapping):
        return {**below, **above}
    return (*below, *(word for word in above if word not in below))
