"""With how many digits a confidence is printed, wherever one is: as many as it can have."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.integration.transcribe.command import MOCK, TINY, clip, transcribe
from tests.integration.transcribe.nemo_clips import MODELS
from tests.integration.transcribe.nemo_engine import write
from tests.media_files import speech
from tests.scripted_worker import COUNTS, PIECES, write_interpreter

# A probability in bfloat16, from a logarithm in bfloat16, has three digits next to 1.
SAID = [["▁one", 0.99609375], ["▁tw", 0.9140625], ["o", 0.3359375], ["▁three", 0.7], ["▁.", 1.0]]
CONFIDENCE = re.compile(r'"confidence": ([^,}\s]+)')
PERCENT = re.compile(r'title="heard with ([^"]*) confidence"')


def said(folder: Path, pieces: list[list[object]]) -> tuple[str, str, str]:
    """The JSON, the page and stderr of a recording in which a NeMo model finds these pieces."""
    (folder / "model.nemo").write_bytes(b"")
    (folder / "counts").mkdir()
    write(folder / "a.wav", speech(2.0))
    done = transcribe(
        folder, "a.wav", "-f", "json", "-f", "html", "--no-vad", "--trust-model",
        engine={
            "PARAKEET_ENGINE": "nemo", "PARAKEET_MODEL": "model.nemo",
            "PARAKEET_ML_PYTHON": str(write_interpreter(folder)),
            COUNTS: str(folder / "counts"), PIECES: json.dumps(pieces),
        },
    )  # fmt: skip
    assert done.code == 0, done.err
    texts = [(folder / f"a.{suffix}").read_text("utf-8") for suffix in ("json", "html")]
    return texts[0], texts[1], done.err


def test_json_has_three_digits_of_a_word_s_least_likely_piece_and_of_their_mean(
    tmp_path: Path,
) -> None:
    text, _, _ = said(tmp_path, SAID)
    (segment,) = json.loads(text)["segments"]
    assert [(word["word"], word["confidence"]) for word in segment["words"]] == [
        ("one", 0.996), ("two", 0.336), ("three", 0.7), (".", 1.0)
    ]  # fmt: skip
    assert segment["confidence"] == 0.758
    # As it is written, too: no 0.33600000000000002.
    assert CONFIDENCE.findall(text) == ["0.758", "0.996", "0.336", "0.7", "1.0"]


def test_the_page_has_whole_percents_of_doubtful_words(tmp_path: Path) -> None:
    _, page, _ = said(tmp_path, SAID)
    assert PERCENT.findall(page) == ["34 %", "70 %"]


def test_a_doubt_about_a_whole_text_has_two_digits(tmp_path: Path) -> None:
    pieces: list[list[object]] = [["▁one", 0.123456], ["▁two", 0.2], ["▁three", 0.1]]
    text, _, err = said(tmp_path, pieces)
    (doubt,) = json.loads(text)["doubts"]
    assert doubt["kind"] == "low-confidence"
    assert doubt["reason"].endswith("(confidence 0.14 on average)")
    assert "(confidence 0.14 on average)" in err


@pytest.mark.parametrize(
    "engine",
    [
        {"PARAKEET_ENGINE": "whisper", **TINY},
        {"PARAKEET_ENGINE": "onnx", "PARAKEET_MODEL": str(MODELS / "small-parakeet-tdt-onnx")},
        {"PARAKEET_ENGINE": "onnx", "PARAKEET_MODEL": str(MODELS / "small-parakeet-ctc-onnx")},
        MOCK,
    ],
    ids=["whisper", "onnx TDT", "onnx CTC", "mock"],
)
def test_no_engine_s_confidences_have_more_digits(tmp_path: Path, engine: dict[str, str]) -> None:
    clip(tmp_path / "a.wav")
    done = transcribe(tmp_path, "a.wav", "-f", "json", "-f", "html", engine=engine)
    assert done.code == 0, done.err
    found = CONFIDENCE.findall((tmp_path / "a.json").read_text("utf-8"))
    assert len(found) >= 3
    assert all(re.fullmatch(r"0\.\d{1,3}|1\.0", one) for one in found), found
    percents = PERCENT.findall((tmp_path / "a.html").read_text("utf-8"))
    assert all(re.fullmatch(r"\d{1,2} %", one) for one in percents), percents
