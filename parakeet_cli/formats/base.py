"""Defines a format, and the layout options that a user can give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from parakeet_cli.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from parakeet_cli.audio.samples import Block
    from parakeet_cli.transcript import Transcript


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """How subtitles and pages are laid out. Times are seconds, widths are columns.

    The defaults are the broadcasters' (Netflix's Timed Text Style Guide): 42
    characters, 2 lines, 7 s at most, 5/6 s at least, 2 frames between two cues
    (0.083 s at 24 frames a second). A wide character (Chinese, emoji) fills 2 columns.

    `max_words_per_line` is the Whisper family's: no cue has more words than that.
    `link_audio` makes a page link to its recording, whatever its size.
    """

    max_line_width: int = 42
    max_line_count: int = 2
    max_words_per_line: int | None = None
    highlight_words: bool = False
    max_cue_seconds: float = 7.0
    min_cue_seconds: float = 0.833
    min_gap: float = 0.083
    link_audio: bool = False

    def __post_init__(self) -> None:
        least_one = {
            "--max-line-width": self.max_line_width,
            "--max-line-count": self.max_line_count,
            "--max-words-per-line": self.max_words_per_line,
        }
        for option, value in least_one.items():
            if value is not None and value < 1:
                raise UsageError(f"{option} must be at least 1, not {value}.")
        if self.max_cue_seconds < 0.5:
            raise UsageError("The longest cue must be at least half a second.")
        if not 0 <= self.min_cue_seconds <= self.max_cue_seconds:
            raise UsageError("The shortest cue can't be longer than the longest.")
        if not 0 <= self.min_gap <= 1:
            raise UsageError("The gap between two cues must be between 0 and 1 second.")


class Collector(Protocol):
    """Takes a recording's audio as it is decoded, for a format that shows some of it."""

    def add(self, block: Block) -> None: ...

    def finish(self) -> object:
        """What the format's `pieces` gets as `collected`. Called when the output is written."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One row of FORMATS: a file name's suffix, a line of help, and the module that writes it.

    The module of a format with `collects_audio` has a function `collector`, too.
    """

    name: str
    suffix: str
    help: str
    module: str
    collects_audio: bool = False

    def collector(
        self, recording: Path | None, output: Path, options: FormatOptions
    ) -> Collector | None:
        """A new collector for one recording and its output, if the format needs the audio.

        `recording` is None for one that isn't a file.
        """
        if not self.collects_audio:
            return None
        made: Collector = self._module().collector(recording, output, options)
        return made

    def pieces(
        self, transcript: Transcript, options: FormatOptions, collected: object = None
    ) -> Iterator[str]:
        """The text in pieces, so that a ten-hour transcript isn't in memory twice.

        `collected` is what the format's collector returned.
        """
        more = () if collected is None else (collected,)
        pieces: Iterator[str] = self._module().pieces(transcript, options, *more)
        return pieces

    def render(self, transcript: Transcript, options: FormatOptions | None = None) -> str:
        """The whole text. Encode it with `encode`, since file names may be undecodable."""
        return "".join(self.pieces(transcript, options or FormatOptions()))

    def _module(self) -> ModuleType:
        return import_module(f"{__package__}.{self.module}")


def encode(text: str) -> bytes:
    r"""The text in UTF-8; half of a character, which can't be encoded, becomes `\udcXX`.

    In JSON that is an escape, which is read back as the same undecodable file name.
    """
    return text.encode("utf-8", "backslashreplace")
