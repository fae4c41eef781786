from __future__ import annotations

from parakeet_cli.engines.kept import keep, release
from tests.unit.transcribe.scripted import Scripted


def test_an_engine_is_loaded_once_and_closed_when_it_is_released() -> None:
    engine = Scripted()
    kept = keep(engine)
    for _ in range(3):
        kept.load()
        kept.close()
    assert (engine.loads, engine.closes, kept.info) == (1, 0, engine.info)
    release(kept)
    release(kept)
    assert engine.closes == 1
    kept.load()
    assert engine.loads == 2
