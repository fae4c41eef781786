"""The rules that turn the words of an utterance into text and commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from parakeet_cli.dictate.text.commands import Part, PlainText, SpokenCommand, split_commands
from parakeet_cli.dictate.text.filter import FilterFailed, filter_text
from parakeet_cli.dictate.text.vocabulary import TextChange
from parakeet_cli.transcript import Word


@dataclass(frozen=True, slots=True)
class TextRules:
    """Whether spoken commands act, and how the user's own words are written."""

    commands: bool
    change_text: TextChange
    filter: str | None = None  # a shell command that rewrites each text

    def parts(self, text: str, words: Sequence[Word]) -> list[Part]:
        """The parts of an utterance, given as the engine's text and as its words."""
        parts: list[Part] = [PlainText(text)] if text else []
        if self.commands:
            split = split_commands(words)
            if any(isinstance(part, SpokenCommand) for part in split):
                parts = split
        changed: list[Part] = []
        for part in parts:
            if isinstance(part, SpokenCommand):
                changed.append(part)
            elif written := self.change_text(part.text):
                changed.append(PlainText(written))
        return changed

    def filtered(self, parts: Sequence[Part], on_failure: Callable[[str], None]) -> list[Part]:
        """The parts as the user's command rewrites their texts, or as they are if it fails.

        An empty command is none, as on a command line that leaves out the filter of config.json.

        `on_failure` is called with why it failed.
        """
        if not (self.filter and self.filter.strip()):
            return list(parts)
        filtered: list[Part] = []
        for part in parts:
            if isinstance(part, SpokenCommand):
                filtered.append(part)
                continue
            try:
                text = filter_text(self.filter, part.text)
            except FilterFailed as error:
                on_failure(str(error))
                text = part.text
            if text:
                filtered.append(PlainText(text))
        return filtered
