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
    """One sink: a line of help, where its class is, what follows its name and a colon."""

    help: str
    location: str
    argument: str | None = None

    def spelled(self, name: str) -> str:
        return name if self.argument is None else f"{name}:{self.argument}"


_HERE = "parakeet_cli.dictate.sinks"

SINKS: dict[str, SinkRow] = {
    "stdout": SinkRow("standard output, one utterance a line", f"{_HERE}.stdout:Stdout"),
    "file": SinkRow("appended to a file, one utterance a line", f"{_HERE}.file:File", "PATH"),
}


def sink_names() -> tuple[str, ...]:
    """What `--sink` takes: stdout, type, file:PATH."""
    return tuple(row.spelled(name) for name, row in SINKS.items())


def make_sink(spec: str) -> Sink:
    """The sink that `--sink` named, not yet open; raises UsageError for one that is none."""
    name, colon, argument = spec.partition(":")
    row = SINKS.get(name)
    if row is None:
        raise UsageError(f"There is no sink '{spec}'.", hint=_known(sink_names()))
    if (row.argument is None) == bool(colon) or (row.argument and not argument.strip()):
        raise UsageError(f"--sink {spec}: write {row.spelled(name)}.", hint=_known(sink_names()))
    module, _, attribute = row.location.partition(":")
    made = getattr(import_module(module), attribute)
    sink: Sink = made(argument) if row.argument else made()
    return sink


def _known(names: Iterable[str]) -> str:
    return f"The sinks are {', '.join(names)}."
