from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parakeet_cli.audio.segment.chunker import Chunk, Piece
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.engines.mock import Mock
from parakeet_cli.errors import ConfigError

CUES = "0.5\t1.0\tone\n1.0\t1.5\ttwo\n3.0\t3.6\tthree\n"


def heard(source: str, first: float, last: float) -> str:
    samples = np.zeros(round((last - first) * 16_000), np.float32)
    chunk = Chunk(samples, (Piece(0.0, first),), source)
    return " ".join(
        each.text for each in Mock(EngineOptions(), concurrency=1).transcribe(chunk).segments
    )


def test_each_cue_is_heard_in_the_one_stretch_that_holds_its_middle(tmp_path: Path) -> None:
    (tmp_path / "talk.cues.tsv").write_text(CUES)
    source = str(tmp_path / "talk.wav")
    assert heard(source, 0.0, 1.2) == "one"
    assert heard(source, 1.2, 3.2) == "two"
    assert heard(source, 3.2, 9.0) == "three"
    assert heard(source, 4.0, 9.0) == ""


def test_a_microphone_s_cues_are_named_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cues.tsv").write_text(CUES)
    monkeypatch.setenv("PARAKEET_MOCK_CUES", str(tmp_path / "cues.tsv"))
    assert heard("Built-in Audio", 0.0, 9.0) == "one two three"


def test_cues_that_are_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "talk.cues.tsv").write_text("one two three\n")
    with pytest.raises(ConfigError, match=r"talk\.cues\.tsv"):
        heard(str(tmp_path / "talk.wav"), 0.0, 1.0)
