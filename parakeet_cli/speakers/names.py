"""Reads the names that the speakers get, from a TOML file, and gives them to transcripts.

"Speaker 1" = "Anna"      # in every recording

["interview.mp3"]         # in this one alone
"Speaker 2" = "Ben"
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from parakeet_cli.errors import UsageError
from parakeet_cli.system.regular_files import read_regular
from parakeet_cli.transcript import Segment

_EXAMPLE = 'It has lines like "Speaker 1" = "Anna".'


@dataclass(frozen=True, slots=True)
class SpeakerNames:
    """Names by the speakers' numbered names: of every recording, and of one by its file's name."""

    every: Mapping[str, str] = field(default_factory=dict)
    by_file: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.every or self.by_file)

    def of(self, recording: str) -> Mapping[str, str]:
        """The names in a recording, which is a path or a URL."""
        return {**self.every, **self.by_file.get(PurePath(recording).name, {})}

    def as_json(self) -> object:
        """The same in JSON's types."""
        return [dict(self.every), {name: dict(names) for name, names in self.by_file.items()}]


NO_NAMES = SpeakerNames()


def read_names(path: str) -> SpeakerNames:
    """The names in a TOML file. Raises UsageError."""
    try:
        found = tomllib.loads(read_regular(Path(path).expanduser()).decode("utf-8-sig"))
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"--speaker-names {path} can't be read: {reason}.") from error
    except UnicodeDecodeError:
        raise UsageError(
            f"--speaker-names {path}: it isn't text in UTF-8.", hint=_EXAMPLE
        ) from None
    except (ValueError, RecursionError) as error:  # no TOML, or lists within lists
        raise UsageError(f"--speaker-names {path}: {error}.", hint=_EXAMPLE) from error
    by_file = {name: value for name, value in found.items() if isinstance(value, dict)}
    every = {name: value for name, value in found.items() if name not in by_file}
    for name, value in [*every.items(), *(row for one in by_file.values() for row in one.items())]:
        if not isinstance(value, str) or not _is_visible(value):
            raise UsageError(
                f"--speaker-names {path}: the name of {name!r} must be a text.", hint=_EXAMPLE
            )
    return SpeakerNames(every, by_file)


def _is_visible(name: str) -> bool:
    """Whether something of a name is left when it is shown."""
    return any(char.isprintable() and not char.isspace() for char in name)


def renamed(segments: Sequence[Segment], names: Mapping[str, str]) -> tuple[Segment, ...]:
    """The segments with these names in the place of the speakers' own."""
    return tuple(
        replace(
            segment,
            speaker=_name(segment.speaker, names),
            words=tuple(
                replace(word, speaker=_name(word.speaker, names)) for word in segment.words
            ),
        )
        for segment in segments
    )


def _name(speaker: str | None, names: Mapping[str, str]) -> str | None:
    return None if speaker is None else names.get(speaker, speaker)
