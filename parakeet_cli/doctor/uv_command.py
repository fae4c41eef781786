"""Writes a command of pip as uv has it, for an environment that has no pip."""

from __future__ import annotations

import shlex

UV, ENSUREPIP = ("uv",), ("ensurepip",)  # in `Facts.pip`
# What uv does by itself, and has no option for.
_NOT_OF_UV = frozenset({"--yes", "--upgrade-strategy", "only-if-needed"})


def uv_command(python: str, arguments: tuple[str, ...]) -> str:
    """The pip command with these arguments as uv has it."""
    if not arguments:
        return f"UV_PYTHON={shlex.quote(python)} uv pip"
    if arguments[0] == "cache":
        return "uv cache clean"
    verb, *given = (word for word in arguments if word not in _NOT_OF_UV)
    return shlex.join(["uv", "pip", verb, "--python", python, *given])
