"""Understands the options of openai-whisper and whisper-ctranslate2.

What they and `parakeet transcribe` have in common is renamed where it has another name. An option
that changes nothing here is accepted, and a note says so. One that would change the text, and
can't be honoured, is refused, unless its value is the default, which is what happens anyway.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parakeet_cli.cli.transcribe.language_codes import code_of
from parakeet_cli.errors import UsageError
from parakeet_cli.speakers.count import AUTO

FAMILY_NOTES = "parakeet.family-notes"  # the key of the notes in a context's `meta`

_TRUE, _FALSE, _NONE = "true", "false", "none"

# From an option and its value to the words that take its place, and a note.
Handler = Callable[[str, str], tuple[list[str], str | None]]


@dataclass(frozen=True, slots=True)
class FamilyOption:
    """What is done with an option; a `switch` may stand without True or False after it.

    With `value`, the next word is the option's only if it has that form; without one it is `bare`.
    """

    handle: Handler
    switch: bool = False
    value: re.Pattern[str] | None = None
    bare: str = ""


def _switch(on: Sequence[str] = (), off: Sequence[str] = (), note: str | None = None) -> Any:
    """True or False becomes these words."""

    def handle(option: str, value: str) -> tuple[list[str], str | None]:
        said = None if note is None else f"{option}: {note}"
        return list(on if value.lower() == _TRUE else off), said

    return FamilyOption(handle, switch=True)


def _as(name: str, *, dropped: str = _NONE, change: Callable[[str], str] = str) -> FamilyOption:
    """Our option of that name; left out for the value that means its default."""

    def handle(option: str, value: str) -> tuple[list[str], str | None]:
        return ([] if _equal(value, dropped) else [f"{name}={change(value)}"]), None

    return FamilyOption(handle)


def _no_meaning(why: str) -> FamilyOption:
    """An option that would change nothing of the text."""
    return FamilyOption(lambda option, value: ([], f"{option} has no meaning here: {why}"))


def _refused(why: str, *defaults: str, switch: bool = False) -> FamilyOption:
    """Only the defaults are accepted, or False for a switch."""
    accepted = (*defaults, _FALSE) if switch else defaults

    def handle(option: str, value: str) -> tuple[list[str], str | None]:
        if any(_equal(value, one) for one in accepted):
            return [], None
        given = option if switch else f"{option} {value}"
        raise UsageError(f"{given} has no meaning here: {why}", hint="Leave it out.")

    return FamilyOption(handle, switch=switch)


def _equal(value: str, other: str) -> bool:
    try:
        return float(value) == float(other)
    except ValueError:
        return value.lower() == other


def _seconds(milliseconds: str) -> str:
    try:
        return f"{float(milliseconds) / 1000:g}"
    except ValueError:
        return milliseconds  # which the option itself refuses


# Names of theirs that are written in another way here.
_MODELS = {
    "large": "large-v3",
    "large-v3-turbo": "turbo",
    "distil-large-v2": "Systran/faster-distil-whisper-large-v2",
}

_NO_TUNING = "the search is tuned by --beam-size and --temperature alone."
_NO_LIMITS = "what counts as a failed text is fixed, and was measured."
_GROUPING = "punctuation always belongs to the word beside it."
_TOKEN = "--speakers tells speakers apart, and needs no token."
_COUNT = re.compile(r"[0-9]+(-[0-9]+)?")  # what may follow --speakers
_ANY_NUMBER = f"--speakers={AUTO}"
_LIVE = "`parakeet dictate` transcribes a microphone."

FAMILY: Mapping[str, FamilyOption] = {
    "--append-punctuations": _refused(_GROUPING, "\"'.。,，!！?？:：”)]}、"),
    "--batch-size": _no_meaning("an engine takes as many parts at once as fit."),
    "--batched": _switch(note="parts are always transcribed side by side."),
    "--beam-size": FamilyOption(
        lambda option, value: ([f"{option}={1 if value.lower() == _NONE else value}"], None)
    ),
    "--best-of": _refused(_NO_TUNING, "5", _NONE),
    "--carry-initial-prompt": _switch(note="every part gets the initial prompt."),
    "--clip-timestamps": _refused(
        "a NeMo manifest (.jsonl) with `offset` and `duration` names parts of a recording.", "0"
    ),
    "--compression-ratio-threshold": _refused(_NO_LIMITS, "2.4"),
    "--condition-on-previous-text": _switch(
        ["--condition-on-previous-text"], ["--no-condition-on-previous-text"]
    ),
    "--device-index": _refused("--device cuda:N names a GPU.", "0"),
    "--fp16": _switch(note="the precision is chosen for the device, or by --compute-type."),
    "--hallucination-silence-threshold": _refused(
        "silence isn't given to the model in the first place.", _NONE
    ),
    "--hf-token": FamilyOption(  # which there turns the speakers on; a secret isn't shown
        lambda option, value: ([_ANY_NUMBER], f"{option}: {_TOKEN}") if value else ([], None)
    ),
    "--highlight-words": _switch(["--highlight-words"]),
    "--hotwords": _refused("--initial-prompt is how Whisper is told names.", _NONE),
    "--language": _as("--language", change=code_of),
    "--length-penalty": _refused(_NO_TUNING, "1", _NONE),
    "--live-input-device": _no_meaning(_LIVE),
    "--live-input-device-sample-rate": _no_meaning(_LIVE),
    "--live-transcribe": _refused(_LIVE, switch=True),
    "--live-volume-threshold": _no_meaning(_LIVE),
    "--local-files-only": _switch(["--offline"]),
    "--logprob-threshold": _refused(_NO_LIMITS, "-1"),
    "--max-line-count": _as("--max-line-count"),
    "--max-line-width": _as("--max-line-width"),
    "--max-words-per-line": _as("--max-words-per-line"),
    "--model": _as("--model", dropped="", change=lambda name: _MODELS.get(name, name)),
    "--model-dir": _no_meaning("models are in the hub's cache, whose place HF_HOME names."),
    "--model-directory": _as("--model"),
    "--multilingual": _switch(note="the language of every part is detected, unless you name it."),
    "--no-repeat-ngram-size": _refused(_NO_TUNING, "0"),
    "--no-speech-threshold": _refused("--vad-threshold decides what is speech.", "0.6"),
    "--patience": _refused(_NO_TUNING, "1", _NONE),
    "--prefix": _refused("--initial-prompt goes before a text.", _NONE),
    "--prepend-punctuations": _refused(_GROUPING, "\"'“¿([{-"),
    "--pretty-json": _switch(note="JSON always has a line for each word."),
    "-p": _switch(note="JSON always has a line for each word."),
    "--print-colors": _switch(note="-f html shades the words that are doubtful."),
    "--prompt-reset-on-temperature": _refused(_NO_LIMITS, "0.5"),
    "--repetition-penalty": _refused(_NO_TUNING, "1"),
    "--speaker-name": _no_meaning("--speaker-names names.toml gives each speaker a name."),
    "--speaker-num": _as("--speakers"),
    "--speakers": FamilyOption(
        lambda option, value: ([f"{option}={value}"], None), value=_COUNT, bare=AUTO
    ),
    "--suppress-blank": FamilyOption(
        lambda option, value: _refused("blank texts are always suppressed.", _TRUE).handle(
            option, value
        ),
        switch=True,
    ),
    "--suppress-tokens": _refused("--suppress-numerals is the list that there is.", "-1"),
    "--temperature-increment-on-fallback": _refused(_NO_LIMITS, "0.2"),
    "--threads": _as("--threads", dropped="0"),
    "--vad-filter": _switch(["--vad"], ["--no-vad"]),
    "--vad-max-speech-duration-s": _refused("the model decides how long a part may be.", _NONE),
    "--vad-min-silence-duration-ms": _as("--vad-min-silence", change=_seconds),
    "--vad-min-speech-duration-ms": _refused("speech of any length is kept.", "0", _NONE),
    "--verbose": _switch(["--verbose"]),
    "--version": FamilyOption(
        lambda option, value: _refused("`parakeet --version` prints it.").handle(option, ""),
        switch=True,
    ),
    "--word-timestamps": _switch(note="every word always has its times."),
}


def rewrite(words: Sequence[str], params: Iterable[Any]) -> tuple[list[str], dict[str, Any]]:
    """A command line in our own options, and the notes for a context's `meta`.

    `params` are the command's own, which say whose next word is a value. Raises UsageError.
    """
    valued = {
        name
        for param in params
        if not getattr(param, "is_flag", True)
        for name in getattr(param, "opts", ())
        if name.startswith("-")
    }
    notes: dict[str, None] = {}  # each once, in order
    made = [word for part in _rewritten(list(words), valued, notes) for word in part]
    if any(word.startswith("--speakers=") and word != _ANY_NUMBER for word in made):
        made = [word for word in made if word != _ANY_NUMBER]  # the number wins, wherever it is
    return made, {FAMILY_NOTES: tuple(notes)}


def _rewritten(
    words: list[str], valued: set[str], notes: dict[str, None]
) -> Iterator[Sequence[str]]:
    at = 0
    while at < len(words):
        word, at = words[at], at + 1
        if word == "--":
            yield words[at - 1 :]
            return
        typed, equals, value = word.partition("=")
        name = typed.replace("_", "-") if typed.startswith("--") else typed
        row = FAMILY.get(name)
        if row is None:
            takes_next = name in valued and not equals
            yield words[at - 1 : at + takes_next]
            at += takes_next
            continue
        if not equals:
            value, at = _value_after(words, at, typed, row)
        if row.switch and value.lower() not in (_TRUE, _FALSE):
            raise UsageError(f"{typed} {value}: it must be True or False.")
        replaced, note = row.handle(name, value)
        if note is not None:
            notes[note] = None
        yield replaced


def _value_after(words: list[str], at: int, option: str, row: FamilyOption) -> tuple[str, int]:
    """The option's value, and the place behind it. The next word is a switch's only if it fits."""
    following = words[at] if at < len(words) else None
    if row.value is not None:
        if following is not None and row.value.fullmatch(following):
            return following, at + 1
        return row.bare, at
    if row.switch:
        if following is not None and following.lower() in (_TRUE, _FALSE):
            return following, at + 1
        return _TRUE, at
    if following is None:
        raise UsageError(f"{option} needs a value.")
    return following, at + 1
