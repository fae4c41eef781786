"""Prepares what was asked of Whisper's decoder: temperatures, prompts, tokens and precision."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Any

from parakeet_cli.audio.segment.chunker import Chunk
from parakeet_cli.engines.decoding import Decoding
from parakeet_cli.engines.whisper.repetition import repeats_itself
from parakeet_cli.errors import UsageError

_TEMPERATURE_STEP = 0.2  # openai-whisper's temperature_increment_on_fallback
_PROMPT_WORDS = 100  # of the text before: Whisper takes 223 tokens, and a word has one or two
_MAX_SOURCES = 64
# As WhisperX has it for its option of that name: digits, and the signs that are read as words.
_NUMERALS = frozenset("0123456789%$£€")


def temperatures_from(first: float) -> list[float]:
    """The temperatures that are tried one after the other while the text is poor, up to 1."""
    count = int((1.0 - first) / _TEMPERATURE_STEP + 1e-6) + 1
    return [round(first + _TEMPERATURE_STEP * number, 6) for number in range(count)]


def numeral_tokens(tokenizer: Any) -> list[int]:
    """The tokens that hold a numeral, of the tokenizer of the package `tokenizers`.

    Special tokens, among which are those of times (`<|0.00|>`), are none of them.
    """
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    return sorted(
        number
        for token, number in tokenizer.get_vocab().items()
        if token not in special
        and not token.startswith("<|")
        and not _NUMERALS.isdisjoint(tokenizer.decode([number], skip_special_tokens=False))
    )


def refuse_compute_type(name: str, device: str, index: int) -> None:
    """Raise UsageError for a precision in which the device can't compute."""
    if name in ("default", "auto"):
        return
    import ctranslate2

    able = ctranslate2.get_supported_compute_types(device, index)
    if name not in able:
        raise UsageError(
            f"--compute-type {name}: this {device} can't compute in it.",
            hint=f"It can in {', '.join(sorted(able))}.",
        )


class PreviousText:
    """Makes each chunk's prompt: the initial one, and the text before it if that is asked for.

    May be used by many threads.
    """

    def __init__(self, decoding: Decoding) -> None:
        self._initial = decoding.initial_prompt
        self._conditions = decoding.condition_on_previous_text
        self._texts: OrderedDict[str, str] = OrderedDict()  # by source: the end of its text so far
        self._lock = Lock()

    def before(self, source: str) -> str | None:
        """The prompt for the next chunk of a source; None for no prompt.

        The initial prompt is given to every chunk, not only to the first: a chunk knows nothing
        of those before it.
        """
        with self._lock:
            parts = (self._initial, self._texts.get(source))
        return " ".join(part for part in parts if part) or None

    def add(self, chunk: Chunk, text: str) -> None:
        """Remember a chunk's text. A text that repeats itself would be continued for ever."""
        if not self._conditions:
            return
        with self._lock:
            before = self._texts.pop(chunk.source, "")
            if chunk.last or repeats_itself(text):
                return
            words = f"{before} {text}".split()
            self._texts[chunk.source] = " ".join(words[-_PROMPT_WORDS:])
            while len(self._texts) > _MAX_SOURCES:
                self._texts.popitem(last=False)
