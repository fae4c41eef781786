"""The JSON of every engine is as the schema that `parakeet config schema` prints has it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.integration.transcribe.command import CLIP, MOCK, TINY, run
from tests.json_schema import faults_of
from tests.media_files import RECIPES, write_media

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[2] / "fixtures" / "models"
ONNX = ("--engine", "onnx", "--model")


@pytest.mark.parametrize(
    ("engine", "options"),
    [
        (MOCK, ()),
        (TINY, ("--channel", "0")),
        ({}, ("--language", "fr")),  # which it isn't: a doubt
        ({}, (*ONNX, str(MODELS / "small-parakeet-tdt-onnx"))),
        ({}, (*ONNX, str(MODELS / "small-parakeet-ctc-onnx"))),
    ],
    ids=["mock", "tiny.en", "base", "tdt", "ctc"],
)
def test_the_json_of_an_engine_is_valid(
    engine: Mapping[str, str], options: tuple[str, ...], tmp_path: Path
) -> None:
    done = run(tmp_path, "transcribe", CLIP, "-f", "json", "-o", "-", *options, engine=engine)
    assert done.code == 0, done.err
    assert faults_of(json.loads(done.out)) == []


def test_the_json_of_what_is_damaged_silent_or_from_a_pipe_is_valid(tmp_path: Path) -> None:
    data = CLIP.read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) * 2 // 3])
    write_media(tmp_path / "silent.webm", np.zeros(96_000, np.float32), RECIPES["webm"])
    names = ("cut.wav", "silent.webm")
    done = run(tmp_path, "transcribe", *names, "-f", "json", "-o", "out", engine=TINY)
    assert done.code == 1, done.err
    cut, silent = (
        json.loads((tmp_path / "out" / f"{Path(name).stem}.json").read_text()) for name in names
    )
    assert (cut["status"], silent["status"]) == ("partial", "ok")
    piped = run(tmp_path, "transcribe", "-", "-f", "json", "-o", "-", stdin=data, engine=MOCK)
    assert piped.code == 0, piped.err
    for value in (cut, silent, json.loads(piped.out)):
        assert faults_of(value) == []


def test_the_command_prints_the_schema(tmp_path: Path) -> None:
    done = run(tmp_path, "config", "schema")
    assert done.code == 0, done.err
    assert json.loads(done.out)["properties"]["schema"] == {"const": "parakeet.transcript/1"}
