"""Writes help for narrow screens: names uncut on a line, and beneath each what it does.

Rich's tables cut the names of options there, and the parser's columns leave eight characters
for a sentence.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal

NARROW = 60  # columns; from here on Rich's tables have room for every name
_INDENT = 6  # of what stands beneath a name

COLUMNS = shutil.get_terminal_size().columns
IS_NARROW = 0 < COLUMNS < NARROW
MARKUP: Literal["rich"] | None = None if IS_NARROW else "rich"
CONTEXT: dict[str, Any] = {"terminal_width": COLUMNS} if IS_NARROW else {}


def fit_help(command: Any) -> Any:
    """The command, with its help and that of its subcommands laid out for this screen."""
    if IS_NARROW:
        command.context_class = _narrow_context(command.context_class)
        command.get_short_help_str = _uncut(command.get_short_help_str)
        for subcommand in getattr(command, "commands", {}).values():
            fit_help(subcommand)
    return command


def _narrow_context(context: Any) -> Any:
    """The context's class, made from the parser's own whichever package that comes from."""

    class NarrowFormatter(context.formatter_class):  # type: ignore[misc]
        def write_dl(self, rows: Sequence[tuple[str, str]], *_: Any, **__: Any) -> None:
            super().write_dl(rows, col_max=_INDENT - 2, col_spacing=2)

    class NarrowContext(context):  # type: ignore[misc]
        formatter_class = NarrowFormatter

    return NarrowContext


def _uncut(sentence: Callable[[int], str]) -> Callable[..., str]:
    """What a list of commands says of one, whole whatever the room beside its name."""
    return lambda *_, **__: sentence(sys.maxsize)
