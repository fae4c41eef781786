"""Text to where it was asked for, behind one protocol and one table.

Adding a sink is a module here with a class that follows `base.Sink`, and a row in SINKS.
A sink's module is imported when it is first made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module

from parakeet_cli.dictate.sinks.base import Sink
from parakeet_cli.errors import UsageError

__all__ = ["SINKS", "Sink", "SinkRow", "make_sink", "sink_names"]


@dataclass(frozen=True, slots=True)
class SinkRow:
    """One sink: a line of help, where its class is, what follows its name and a colon.

    `falls_back`: what it can't insert goes to the clipboard.
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
    "stdout": SinkRow("standard output, one utterance a line", f"{_HERE}.stdout:Stdout"),
    "type": SinkRow(
        "typed into the focused window",
        f"{_HERE}.typed:Type",
        "METHOD",
        optional=True,
        falls_back=True,
    ),
    "clipboard": SinkRow("on the clipboard", f"{_HERE}.clipboard:Clipboard"),
    "file": SinkRow("appended to a file, one utterance a line", f"{_HERE}.file:File", "PATH"),
    "command": SinkRow(
        "to the stdin of a command, run once an utterance", f"{_HERE}.command:Command", "CMD"
    ),
}


def sink_names() -> tuple[str, ...]:
    """What `--sink` takes: stdout, type[:METHOD], file:PATH and so on."""
    return tuple(row.spelled(name) for name, row in SINKS.items())


def make_sink(spec: str) -> Sink:
    """The sink that `--sink` named, not yet open; raises UsageError for one that is none."""
    name, colon, argument = spec.partition(":")
    row = SINKS.get(name)
    if row is None:
        raise UsageError(f"There is no sink '{spec}'.", hint=_known(sink_names()))
    given = argument if colon else None
    if not row.takes(given):
        raise UsageError(f"--sink {spec}: write {row.spelled(name)}.", hint=_known(sink_names()))
    module, _, attribute = row.location.partition(":")
    made = getattr(import_module(module), attribute)
    sink: Sink = made() if given is None else made(given)
    return sink


def _known(names: Iterable[str]) -> str:
    return f"The sinks are {', '.join(names)}."
