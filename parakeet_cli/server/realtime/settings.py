"""What a client sets for its session, in the newer and the older form of OpenAI's API."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from parakeet_cli.engines.shared.request import Adjustment
from parakeet_cli.server.languages import read_language
from parakeet_cli.server.request import MAX_PROMPT

_RATES = range(8000, 48001)
_VAD = ("server_vad", "semantic_vad")


class InvalidEvent(Exception):
    """An event that can't be used; `param` is what is wrong with it."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message)
        self.param = param


@dataclass(frozen=True, slots=True)
class LiveSettings:
    """How a session's sound comes, and what is made of it."""

    rate: int = 24000  # Hz, of 16-bit mono
    detects_turns: bool = True  # else the client says where an utterance ends
    max_silence: float = 0.6  # seconds that end an utterance
    language: str | None = None
    prompt: str | None = None

    @property
    def adjustment(self) -> Adjustment:
        return Adjustment(language=self.language, initial_prompt=self.prompt)

    def as_session(self, model: str) -> dict[str, Any]:
        """The session as events show it."""
        turns = {"type": "server_vad", "silence_duration_ms": round(self.max_silence * 1000)}
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": self.rate},
                    "transcription": {
                        "model": model,
                        "language": self.language,
                        "prompt": self.prompt,
                    },
                    "turn_detection": turns if self.detects_turns else None,
                }
            },
        }

    def updated(self, session: Any) -> LiveSettings:
        """The settings with those of an update. Raises InvalidEvent."""
        given = _object(session, "session")
        if given.get("type", "transcription") != "transcription":
            raise InvalidEvent("Only sessions of the type `transcription` are served.", "type")
        heard = _object(_object(given.get("audio"), "audio").get("input"), "audio.input")
        settings = self
        sound = heard.get("format", given.get("input_audio_format"))
        if sound is not None:
            settings = replace(settings, rate=_rate(sound))
        text = heard.get("transcription", given.get("input_audio_transcription"))
        if text is not None:
            text = _object(text, "transcription")
            settings = replace(
                settings,
                language=_language(_text(text, "language", settings.language)),
                prompt=_text(text, "prompt", settings.prompt),
            )
        for place in (heard, given):
            if "turn_detection" in place:
                settings = settings._with_turns(place["turn_detection"])
        return settings

    def _with_turns(self, given: Any) -> LiveSettings:
        if given is None:
            return replace(self, detects_turns=False)
        turns = _object(given, "turn_detection")
        if turns.get("type", "server_vad") not in _VAD:
            raise InvalidEvent("It must be server_vad or null.", "turn_detection.type")
        silence = turns.get("silence_duration_ms", self.max_silence * 1000)
        if isinstance(silence, bool) or not isinstance(silence, int | float):
            silence = -1
        if not 100 <= silence <= 10_000:
            param = "turn_detection.silence_duration_ms"
            raise InvalidEvent("It must be from 100 to 10000.", param)
        return replace(self, detects_turns=True, max_silence=silence / 1000)


def _object(value: Any, param: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidEvent("It must be an object.", param)
    return value


def _text(given: dict[str, Any], name: str, before: str | None) -> str | None:
    value = given.get(name, before)
    if value is not None and not isinstance(value, str):
        raise InvalidEvent("It must be a text.", f"transcription.{name}")
    if value is not None and (len(value) > MAX_PROMPT or not _is_unicode(value)):
        raise InvalidEvent(
            f"It must be a text of at most {MAX_PROMPT} characters.", f"transcription.{name}"
        )
    return value or None


def _is_unicode(text: str) -> bool:
    """JSON can hold halves of a character, which nothing can write."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _language(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return read_language(text)
    except ValueError as error:
        raise InvalidEvent(f"It {error}.", "transcription.language") from None


def _rate(value: Any) -> int:
    if value == "pcm16":
        return 24000
    sound = _object(value, "audio.input.format")
    rate = sound.get("rate", 24000)
    if sound.get("type", "audio/pcm") != "audio/pcm" or type(rate) is not int or rate not in _RATES:
        raise InvalidEvent(
            "It must be audio/pcm, 16 bits and mono, with a rate from 8000 to 48000.",
            "audio.input.format",
        )
    return rate
