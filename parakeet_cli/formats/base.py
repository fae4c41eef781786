"""Defines a format, and the layout options that a user can give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from parakeet_cli.errors import UsageError

if TYPE_CHECKING:
    from parakeet_cli.formats.html.sound import Sound
    from parakeet_cli.transcript import Transcript


@dataclass(frozen=True, slots=True)
class FormatOptions:
    """How subtitles are laid out. Times are seconds, widths are columns.

    The defaults are the broadcasters' (Netflix's Timed Text Style Guide): 42
    characters, 2 lines, 7 s at most, 5/6 s at least, 2 frames between two cues
    (0.083 s at 24 frames a second). A wide character (Chinese, emoji) fills 2 columns.

    `max_words_per_line` is the Whisper family's: no cue has more words than that.
    `sound` is for the page alone, and differs from file to file.
    """

    max_line_width: int = 42
    max_line_count: int = 2
    max_words_per_line: int | None = None
    highlight_words: bool = False
    max_cue_seconds: float = 7.0
    min_cue_seconds: float = 0.833
    min_gap: float = 0.083
    sound: Sound | None = None

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
            raise UsageError("A cue must be allowed to last half a second.")
        if not 0 <= self.min_cue_seconds <= self.max_cue_seconds:
            raise UsageError("The shortest cue can't be longer than the longest.")
        if not 0 <= self.min_gap <= 1:
            raise UsageError("The gap between two cues must be between 0 and 1 second.")


@dataclass(frozen=True, slots=True)
class Format:
    """One row of FORMATS: a file name's suffix, a line of help, and the module that writes it.

    `needs_sound` is true for a format that shows `options.sound`.
    """

    name: str
    suffix: str
    help: str
    module: str
    needs_sound: bool = False

    def pieces(self, transcript: Transcript, options: FormatOptions) -> Iterator[str]:
        """The text bit by bit: a ten-hour transcript need not stand in memory twice."""
        pieces: Iterator[str] = import_module(f"{__package__}.{self.module}").pieces(
            transcript, options
        )
        return pieces

    def render(self, transcript: Transcript, options: FormatOptions | None = None) -> str:
        """The whole text; encode it with `encode`, for file names may be undecodable."""
        return "".join(self.pieces(transcript, options or FormatOptions()))


def encode(text: str) -> bytes:
    r"""UTF-8, where what can't be encoded (half of a character) becomes `\udcXX`.

    In JSON that is an escape which reads back as the same undecodable file name.
    """
    return text.encode("utf-8", "backslashreplace")
