"""Imports what a table names, so that a row costs nothing until it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load_named(location: str) -> Any:
    """The attribute that `package.module:Name` names. Raises ImportError, AttributeError."""
    module, _, name = location.partition(":")
    return getattr(import_module(module), name)
