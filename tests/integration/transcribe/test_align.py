"""A given text is put on the clock of real speech, and what isn't in it is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.transcribe.command import MOCK, TINY, files, transcribe
from tests.json_schema import faults_of
from tests.media_files import SAMPLES

pytestmark = pytest.mark.slow

CLIP = SAMPLES / "sense_0870.wav"
TEXT = """And Mister John Dashwoode had, then, leisure
to consider how very much there might be
prudently in his power to do for them.
"""


def test_the_text_is_on_the_clock_as_it_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    done = transcribe(
        tmp_path, CLIP, "--align", "text.txt", "-f", "json", "-f", "srt", "-f", "txt", "-o", "out",
        engine={}, limit=300,
    )  # fmt: skip
    assert done.code == 0, done.err
    value = json.loads((tmp_path / "out" / "sense_0870.json").read_text())
    assert faults_of(value) == []
    (missing,) = value["alignment"]["missing"]
    assert (missing["word"], missing["index"]) == ("very", 10)
    assert "1 word of text.txt isn't in it: “very”" in done.err
    assert value["status"] == "ok"
    words = [word for segment in value["segments"] for word in segment["words"]]
    counts = value["alignment"]["exact"], value["alignment"]["interpolated"]
    assert sum(counts) == len(words) == len(TEXT.split()) - 1
    assert counts[0] >= 15
    at = {word["word"]: word for word in words}
    assert (at["had,"]["timing"], at["Dashwoode"]["timing"]) == ("exact", "interpolated")
    assert 0.8 <= at["Dashwoode"]["start"] <= 1.2
    assert 6.0 <= at["them."]["start"] <= 6.9
    starts = [word["start"] for word in words]
    assert starts == sorted(starts)
    said = (tmp_path / "out" / "sense_0870.txt").read_text(encoding="utf-8")
    assert said == TEXT.replace("very ", "")
    assert "Dashwoode had, then," in (tmp_path / "out" / "sense_0870.srt").read_text()


def test_another_text_fails_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("The train to Bristol leaves from platform four at nine.")
    done = transcribe(
        tmp_path, CLIP, "--align", "text.txt", "-f", "srt", "-o", "out", engine=TINY, limit=300
    )
    assert done.code == 1
    assert "hardly a word of text.txt was recognised in it" in done.err
    assert files(tmp_path) <= {"text.txt"}


def test_what_can_t_be_aligned_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    for arguments, reason in (
        ((CLIP, "--align", "none.txt"), "can't be read"),
        ((SAMPLES, "--align", "text.txt"), "takes one recording"),
    ):
        done = transcribe(tmp_path, *arguments, engine=MOCK)
        assert (done.code, reason in done.err) == (2, True), done.err


def test_a_run_aligns_again_once_the_text_has_changed(tmp_path: Path) -> None:
    (tmp_path / "clip.txt").write_text(TEXT)  # what the mock engine recognises
    (tmp_path / "clip.wav").write_bytes(CLIP.read_bytes())
    asked = ("clip.wav", "--align", "text.txt", "-f", "txt", "-o", "out", "--run", "run")
    for text in (TEXT, TEXT.upper()):
        (tmp_path / "text.txt").write_text(text)
        done = transcribe(tmp_path, *asked, engine=MOCK)
        assert done.code == 0, done.err
        assert (tmp_path / "out" / "clip.txt").read_text() == text
