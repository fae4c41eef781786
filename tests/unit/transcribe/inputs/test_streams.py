from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.transcribe.inputs.find import Job, find_jobs
from parakeet_cli.transcribe.inputs.streams import parse_audio_stream, with_every_stream
from tests.media_files import RECIPES, tone, write_media


@pytest.mark.parametrize(
    ("text", "meant"),
    [(None, (None, False)), ("0", (0, False)), ("12", (12, False)), ("all", (None, True))],
)
def test_a_stream_is_a_number_or_all(text: str | None, meant: tuple[int | None, bool]) -> None:
    assert parse_audio_stream(text) == meant


@pytest.mark.parametrize("text", ["-1", "", "one", "1.5", "0x1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a number from 0, or all"):
        parse_audio_stream(text)


def test_each_stream_of_several_is_a_job_with_a_name_of_its_own(tmp_path: Path) -> None:
    two = tmp_path / "in/two.mkv"
    two.parent.mkdir()
    recipe = RECIPES["mkv"]
    write_media(two, tone(1, 44_100), recipe, (tone(1, 44_100), recipe))
    write_media(tmp_path / "in/one.wav", tone(1, 44_100), RECIPES["wav"])
    (tmp_path / "in/text.mp3").write_text("no sound")
    jobs = with_every_stream(
        find_jobs([str(tmp_path / "in"), str(two), str(tmp_path / "gone.wav")])
    )
    assert [(job.stem, job.audio_stream) for job in jobs] == [
        ("one", None),
        ("text", None),
        ("two.0", 0),
        ("two.1", 1),
        ("gone", None),
    ]
    assert len({job.key for job in jobs}) == len({job.shared_name for job in jobs}) == len(jobs)


def test_what_can_be_read_only_once_is_not_divided() -> None:
    jobs = [Job("stdin", "-")]
    assert with_every_stream(jobs) == jobs
