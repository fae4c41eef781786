"""The sinks that dictated text can go to, in one table.

A new sink is a module here, with a class that follows `base.Sink`, and a row in SINKS. A
sink's module is imported when the sink is first made.
"""

from __future__ import annotations

from dataclasses import dataclass

from parakeet_cli.dictate.sinks.base import Sink
from parakeet_cli.errors import UsageError
from parakeet_cli.system.loading import load_named

__all__ = ["SINKS", "Sink", "SinkRow", "complete_sink", "make_sink", "sink_help"]


@dataclass(frozen=True, slots=True)
class SinkRow:
    """One sink: a line of help, where its class is, and the argument after name and colon.

    `falls_back`: text that it can't insert goes to the clipboard.
    """

    help: str
    location: str
    argument: str | None = None
    optional: bool = False  # whether the argument may be left out
    falls_back: bool = False

    def spelled(self, name: str) -> str:
        if self.argument is None:
            return name
        return f"{name}[:{self.argument}]" if self.optional else f"{name}:{self.argument}"

    def takes(self, argument: str | None) -> bool:
        if argument is None:
            return self.argument is None or self.optional
        return self.argument is not None and bool(argument.strip())


_HERE = "parakeet_cli.dictate.sinks"

SINKS: dict[str, SinkRow] = {
    "stdout": SinkRow("standard output, one sentence a line", f"{_HERE}.stdout:StdoutSink"),
    "type": SinkRow(
        "typed into the focused window",
        f"{_HERE}.typed:TypeSink",
        "METHOD",
        optional=True,
        falls_back=True,
    ),
    "clipboard": SinkRow("on the clipboard", f"{_HERE}.clipboard:ClipboardSink"),
    "file": SinkRow("appended to a file, one utterance a line", f"{_HERE}.file:FileSink", "PATH"),
    "command": SinkRow(
        "to a command's stdin, a run per utterance", f"{_HERE}.command:CommandSink", "CMD"
    ),
}


def sink_help() -> dict[str, str]:
    """What `--sink` takes (stdout, type[:METHOD], file:PATH and so on), and what each means."""
    return {row.spelled(name): row.help for name, row in SINKS.items()}


def complete_sink() -> list[tuple[str, str]]:
    """What a shell can complete after `--sink`, with a line of help each."""
    from parakeet_cli.dictate.sinks.typed import METHODS

    methods = [(f"type:{name}", row.help) for name, row in METHODS.items() if row.fits]
    return [(name, row.help) for name, row in SINKS.items()] + methods


_HINT = f"The sinks are {', '.join(sink_help())}."


def make_sink(spec: str) -> Sink:
    """The sink that `--sink` names, not yet open. Raises UsageError for an unknown one."""
    name, colon, argument = spec.partition(":")
    row = SINKS.get(name)
    if row is None:
        raise UsageError(f"There is no sink '{spec}'.", hint=_HINT)
    given = argument if colon else None
    if not row.takes(given):
        raise UsageError(f"--sink {spec}: write {row.spelled(name)}.", hint=_HINT)
    sink_class = load_named(row.location)
    sink: Sink = sink_class() if given is None else sink_class(given)
    return sink
