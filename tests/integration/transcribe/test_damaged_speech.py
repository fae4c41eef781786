"""A recording with a hole in it, through the embedded engine: words stay in place."""

from __future__ import annotations

import json
import random
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import pytest
import soxr

from tests.integration.transcribe.command import TINY, transcribe
from tests.media_files import RECIPES, speech, write_media

pytestmark = pytest.mark.slow

SECONDS = 90
HOLE = 2_000  # bytes
AROUND = 3.0  # seconds beside the hole in which words may be broken


@pytest.mark.parametrize("kind", ["mp3", "flac", "m4a", "opus", "webm"])
def test_words_behind_a_hole_keep_their_place(tmp_path: Path, kind: str) -> None:
    whole = tmp_path / f"whole.{kind}"
    recipe = RECIPES[kind]
    write_media(whole, soxr.resample(speech(SECONDS), 16_000, recipe.rate), recipe)
    data = whole.read_bytes()
    at = len(data) // 2
    noise = random.Random(7).randbytes(HOLE)
    (tmp_path / f"holed.{kind}").write_bytes(data[:at] + noise + data[at + HOLE :])
    asked = ("-f", "json", "-o", "out", "--quiet")

    done = transcribe(tmp_path, f"whole.{kind}", f"holed.{kind}", *asked, engine=TINY, limit=300)
    assert done.code == 1
    good, bad = (json.loads((tmp_path / f"out/{n}.json").read_bytes()) for n in ("whole", "holed"))
    assert (good["status"], bad["status"]) == ("ok", "partial")
    lost = bad["accounting"]["lost"]
    assert lost[0]["start"] == pytest.approx(SECONDS / 2, abs=3)
    assert sum(each["end"] - each["start"] for each in lost) < 3

    def words_until(transcript: dict[str, Any], until: float) -> list[tuple[str, float]]:
        words = (word for segment in transcript["segments"] for word in segment["words"])
        return [
            (word["word"].strip(" .,").lower(), word["start"])
            for word in words
            if abs(word["start"] - until) > AROUND
        ]

    hole = lost[0]["start"]
    true, found = words_until(good, hole), words_until(bad, hole)
    blocks = SequenceMatcher(
        None, [word for word, _ in true], [word for word, _ in found], autojunk=False
    ).get_matching_blocks()
    pairs = [(true[b.a + n], found[b.b + n]) for b in blocks for n in range(b.size)]
    assert len(pairs) >= 0.9 * len(true)
    close = sum(abs(one[1] - other[1]) <= 0.3 for one, other in pairs)
    assert close >= 0.95 * len(pairs)
