"""A script for openai-whisper or whisper-ctranslate2 runs, or is told what has no meaning here."""

from __future__ import annotations

from typing import Any

import pytest

from parakeet_cli.cli.transcribe.family import FAMILY, FAMILY_NOTES, rewrite
from parakeet_cli.errors import UsageError
from tests.cli.running import commands
from tests.unit.cli.transcribe.family_lists import CTRANSLATE2, MEANINGLESS, OPENAI

COMMAND = commands()["transcribe",]
LISTS = {"openai-whisper": OPENAI, "whisper-ctranslate2": CTRANSLATE2}


def understood(*words: str) -> tuple[list[str], tuple[str, ...]]:
    made, meta = rewrite(words, COMMAND.params)
    return made, meta[FAMILY_NOTES]


def parsed(*words: str) -> dict[str, Any]:
    """What the parser makes of a command line."""
    context = COMMAND.make_context("transcribe", list(words), token_normalize_func=_hyphens)
    return dict(context.params)


def _hyphens(token: str) -> str:
    return token.replace("_", "-")


@pytest.mark.parametrize("family", LISTS)
def test_a_command_line_with_every_option_of_a_peer_is_parsed(family: str) -> None:
    words = [word for pair in LISTS[family].items() for word in pair]
    assert list(parsed("clip.wav", *words)["inputs"]) == ["clip.wav"]


@pytest.mark.parametrize("family", LISTS)
def test_options_with_an_equals_sign_are_the_same(family: str) -> None:
    pairs = [f"{name}={value}" for name, value in LISTS[family].items() if name.startswith("--")]
    assert list(parsed("clip.wav", *pairs)["inputs"]) == ["clip.wav"]


@pytest.mark.parametrize("option", MEANINGLESS)
def test_what_would_change_the_text_and_has_no_meaning_here_is_refused(option: str) -> None:
    for words in ((option, MEANINGLESS[option]), (f"{option}={MEANINGLESS[option]}",)):
        with pytest.raises(UsageError, match="has no meaning here") as error:
            understood("clip.wav", *words)
        assert option.replace("_", "-") in str(error.value)


@pytest.mark.parametrize("words", [["--hf_token", "hf_secret"], ["--hf-token=hf_secret"]])
def test_a_token_asks_for_speakers_and_is_not_shown(words: list[str]) -> None:
    made, (note,) = understood("clip.wav", *words)
    assert made == ["clip.wav", "--speakers=auto"]
    assert "secret" not in note


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["--speakers", "a.wav"], ["--speakers=auto", "a.wav"]),
        (["a.wav", "--speakers"], ["a.wav", "--speakers=auto"]),
        (["--speakers", "3", "a.wav"], ["--speakers=3", "a.wav"]),
        (["--speakers", "2-5", "a.wav"], ["--speakers=2-5", "a.wav"]),
        (["--speakers=2-5", "7"], ["--speakers=2-5", "7"]),
        (["--speakers=", "3"], ["--speakers=", "3"]),
        (["--speakers", "3.wav"], ["--speakers=auto", "3.wav"]),
        (["--speakers", "2-", "a.wav"], ["--speakers=auto", "2-", "a.wav"]),
        (["--speakers", "-f", "srt", "a.wav"], ["--speakers=auto", "-f", "srt", "a.wav"]),
        (["--speakers", "--", "3"], ["--speakers=auto", "--", "3"]),
        (["--speaker_num", "3", "--hf_token", "x", "a.wav"], ["--speakers=3", "a.wav"]),
    ],
)
def test_the_word_after_speakers_is_its_value_only_as_a_number(
    words: list[str], made: list[str]
) -> None:
    assert understood(*words)[0] == made


def test_what_changes_nothing_is_accepted_with_a_note_that_is_said_once() -> None:
    made, notes = understood("--fp16", "False", "a.wav", "--fp16", "True", "--model_dir", "x")
    assert made == ["a.wav"]
    assert [note.split()[0] for note in notes] == ["--fp16:", "--model-dir"]


def test_word_timestamps_are_said_to_be_always_there() -> None:
    for words in (["--word_timestamps", "True"], ["--word-timestamps"]):
        made, (note,) = understood("a.wav", *words)
        assert made == ["a.wav"]
        assert "always" in note


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["--vad_filter", "True"], ["--vad"]),
        (["--vad_filter=False"], ["--no-vad"]),
        (["--vad_min_silence_duration_ms", "500"], ["--vad-min-silence=0.5"]),
        (["--model_directory", "here"], ["--model=here"]),
        (["--model", "large-v3-turbo"], ["--model=turbo"]),
        (["--local_files_only", "True"], ["--offline"]),
        (["--language", "German"], ["--language=de"]),
        (["--language", "haitian creole"], ["--language=ht"]),
        (["--condition_on_previous_text", "False"], ["--no-condition-on-previous-text"]),
        (["--beam_size", "None"], ["--beam-size=1"]),
        (["--threads", "0"], []),
        (["--threads", "4"], ["--threads=4"]),
        (["--max_line_width", "None"], []),
        (["--verbose", "False"], []),
        (["--verbose", "True"], ["--verbose"]),
        (["--highlight_words", "true"], ["--highlight-words"]),
    ],
)
def test_what_has_another_name_or_form_here_is_renamed(words: list[str], made: list[str]) -> None:
    assert understood("a.wav", *words)[0] == ["a.wav", *made]


def test_a_switch_never_takes_a_file_for_its_value() -> None:
    assert understood("--verbose", "a.wav")[0] == ["--verbose", "a.wav"]
    assert understood("--highlight_words", "True.wav")[0] == ["--highlight-words", "True.wav"]


def test_the_value_of_another_option_is_never_taken_for_an_option() -> None:
    words = ["--initial-prompt", "--fp16", "-o", "--verbose", "--", "--fp16"]
    assert understood(*words) == (words, ())


def test_a_value_that_is_missing_or_no_truth_value_is_named() -> None:
    with pytest.raises(UsageError, match="--patience needs a value"):
        understood("a.wav", "--patience")
    with pytest.raises(UsageError, match="--fp16 maybe: it must be True or False"):
        understood("a.wav", "--fp16=maybe")


def test_every_row_is_an_option_of_a_peer() -> None:
    theirs = {name.replace("_", "-") for family in LISTS.values() for name in family}
    assert set(FAMILY) <= theirs | {"--version", "--speakers"}
