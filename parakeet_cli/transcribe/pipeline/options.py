"""The options of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field

from parakeet_cli.audio.segment.pauses import SpeechLimits
from parakeet_cli.formats import FormatOptions
from parakeet_cli.speakers.count import CAM, SpeakerCount
from parakeet_cli.speakers.names import SpeakerNames
from parakeet_cli.transcribe.align.words import GivenText


@dataclass(frozen=True, slots=True)
class PipelineOptions:
    """How recordings are decoded and outputs written; the engine has its own options."""

    audio_stream: int | None = None  # from 0; None is the file's default
    language: str | None = None  # of the stream to prefer
    channel: int | None = None  # from 0; None is all, averaged
    split_channels: bool = False  # whether each is transcribed by itself
    speakers: SpeakerCount | None = None  # how many there may be, if they are to be told apart
    speakers_model: str = CAM  # what tells them apart
    speaker_names: SpeakerNames = field(default_factory=SpeakerNames)
    vad: bool = True
    speech: SpeechLimits = field(default_factory=SpeechLimits)
    vocabulary: tuple[str, ...] = ()  # entries of the words to expect, spelled as given
    align: GivenText | None = None  # the text to put on the clock
    skip_existing: bool = False
    overwrite: bool = False
    accept_partial: bool = False  # whether a partial transcript counts as done
    format_options: FormatOptions = field(default_factory=FormatOptions)

    @property
    def given_words(self) -> tuple[str, ...]:
        """The words of the text to put on the clock."""
        return self.align.words if self.align is not None else ()
