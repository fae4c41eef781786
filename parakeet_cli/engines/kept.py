"""Keeps an engine loaded between one batch and the next."""

from __future__ import annotations

from typing import Any, cast

from parakeet_cli.engines.base import Engine


class _KeptEngine:
    """An engine whose `load` does nothing once it is loaded, and whose `close` does nothing."""

    def __init__(self, engine: Engine) -> None:
        self.kept = engine
        self.loaded = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.kept, name)

    def load(self) -> None:
        if not self.loaded:
            self.kept.load()
            self.loaded = True

    def close(self) -> None:
        """Nothing: `release` closes it."""


def keep(engine: Engine) -> Engine:
    """The same engine, which a batch loads if it isn't loaded, and leaves so."""
    return cast(Engine, _KeptEngine(engine))


def release(engine: Engine) -> None:
    """Close an engine that `keep` has made, if it is loaded."""
    assert isinstance(engine, _KeptEngine)
    if engine.loaded:
        engine.loaded = False
        engine.kept.close()
