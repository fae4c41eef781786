"""The options of a dictation."""

from __future__ import annotations

from dataclasses import dataclass

from parakeet_cli.config.settings import Settings
from parakeet_cli.errors import UsageError


@dataclass(frozen=True, slots=True)
class DictationRequest:
    """The options of `parakeet dictate`, as values.

    `settings` holds the engine's options, which every command has, and those of dictation
    that are in config.json (the user's words, the days of history). All parts of a dictation
    read their options from here: there is no second set of them.
    """

    settings: Settings
    input_device: str | None = None  # a microphone's number or a part of its name
    from_file: str | None = None  # a media file that is played as the microphone
    pre_roll: float = 0.0  # seconds of sound from before `start` that are used; in memory only
    fast: bool = False  # play it as fast as it is taken, not in real time
    max_silence: float = 0.6  # seconds that end an utterance; RealtimeSTT's default
    duration: float | None = None  # end after this many seconds of the stream
    sinks: tuple[str, ...] = ()  # as `--sink` names them
    json: bool = False  # print events on stdout
    partials: bool = True
    commands: bool = True  # act on spoken commands
    digits: bool = False
    fillers: bool = True  # write "um" and "uh", too
    filter: str | None = None  # a shell command that rewrites each text
    enter: bool = False  # press Return after the text of a dictation
    stop_after_silence: float | None = None  # end after so many seconds without speech
    pause_players: bool = False  # pause what other programs play meanwhile
    overlay: bool = False  # show it in a line over the desktop
    keep_audio: bool = False  # keep the sound of each utterance, for `history --again`
    keep_audio_days: float = 7.0  # for so long
    recover: bool = False  # deliver what earlier dictations didn't, instead of recording
    history: bool = True
    trust_model: bool = False

    @property
    def history_days(self) -> int:
        """How many days the history is kept; 0 for no history."""
        return self.settings.history_days if self.history else 0

    @property
    def sink_specs(self) -> tuple[str, ...]:
        """The sinks, stdout by default; with --json the events have stdout to themselves."""
        return self.sinks or (() if self.json else ("stdout",))


def check_request(request: DictationRequest) -> None:
    """Raise UsageError for options that contradict each other or can't be honoured here."""
    from parakeet_cli.dictate.text.vocabulary import make_text_change

    if request.json and "stdout" in request.sinks:
        raise UsageError("--json and --sink stdout would write to the same place.")
    if request.fast and not request.from_file:
        raise UsageError("--fast needs --from-file: a microphone records in real time.")
    if request.from_file and request.input_device:
        raise UsageError("--from-file plays a file as the microphone: leave --input-device out.")
    if request.keep_audio and not request.history_days:
        raise UsageError("--keep-audio is for the history, and no history is kept.")
    if request.recover and (request.from_file or request.input_device):
        raise UsageError(
            "--recover transcribes earlier recordings: leave --from-file and --input-device out."
        )
    make_text_change({}, (), digits=request.digits, language=request.settings.language)
