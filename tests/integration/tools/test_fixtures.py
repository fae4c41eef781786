"""Tests that the committed small Parakeet and its held-out clips are as recorded."""

from __future__ import annotations

import csv
import json

import onnx_asr
import pytest

from tests.integration.tools.test_small_parakeet import decode_all
from tests.stacks import ROOT
from tools.small_parakeet import measure, speech

FIXTURES = ROOT / "tests" / "fixtures"
MODELS = FIXTURES / "models"


def held_out() -> list[dict[str, str]]:
    with open(FIXTURES / "held_out" / "transcripts.tsv", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


def test_the_held_out_clips_follow_from_the_seed_and_their_voices_were_not_trained_on() -> None:
    report = json.loads((MODELS / "small-parakeet-tdt.json").read_text())
    trained, unseen = speech.voices(report["seed"])
    assert not set(trained) & set(unseen)
    expected = speech.held_out(report["seed"], len(held_out()))
    assert [row["text"] for row in held_out()] == [clip.text for clip in expected]
    assert {row["voice"].partition("+")[2] for row in held_out()} <= set(unseen)


def test_no_word_order_of_the_held_out_set_is_trained_on() -> None:
    unseen = {clip.text for clip in speech.held_out(1, 300)}
    assert len(unseen) == 300
    trained = {
        utterance.words for clip in speech.training(1, 4000) for utterance in clip.utterances
    }
    assert not trained & unseen


@pytest.mark.parametrize("head", ["tdt", "ctc"])
def test_a_bare_onnx_asr_transcribes_the_held_out_clips(head: str) -> None:
    model = onnx_asr.load_model(f"nemo-conformer-{head}", MODELS / f"small-parakeet-{head}-onnx")
    clips = [decode_all(FIXTURES / "held_out" / row["file"]) for row in held_out()]
    transcripts = [str(model.recognize(clip)) for clip in clips]
    assert measure.compare([row["text"] for row in held_out()], transcripts).rate < 0.03


def test_the_fixtures_stay_small() -> None:
    files = [path for path in FIXTURES.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20_000_000
