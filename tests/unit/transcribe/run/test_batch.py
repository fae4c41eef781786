"""A batch as a program runs it, without the command line."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest

from parakeet_cli.config.settings import Settings
from parakeet_cli.errors import ExitCode
from parakeet_cli.transcribe.pipeline.progress import SilentView
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.batch import dry_run, open_batch
from parakeet_cli.transcript import Status

SETTINGS = Settings(engine="mock")


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


class Texts(SilentView):
    """Stores what is shown on stdout."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def show_text(self, text: str) -> None:
        self.shown.append(text)


def recording(name: str, text: str) -> str:
    with wave.open(name, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 16_000))
    Path(name).with_suffix(".txt").write_text(text, encoding="utf-8")
    return name


def test_one_recording_s_text_is_shown_with_its_statistics() -> None:
    texts = Texts()
    with open_batch(TranscribeRequest((recording("a.wav", "One."),)), SETTINGS) as batch:
        result = batch.run(texts)
    assert texts.shown == ["One.\n"]
    assert result.exit_code is ExitCode.OK
    assert (result.stats.counts[Status.OK], result.stats.audio_seconds) == (1, 1.0)


def test_a_run_resumes_with_its_journal_and_manifest() -> None:
    recording("a.wav", "One.")
    Path("b.wav").touch()
    request = TranscribeRequest(
        ("a.wav", "b.wav"), ("txt",), "out", run="run", manifest_out="m.jsonl"
    )
    for earlier in (0, 2):
        with open_batch(request, SETTINGS) as batch:
            result = batch.run()
        assert result.exit_code is ExitCode.FAILED
        assert (result.stats.earlier, result.stats.counts[Status.FAILED]) == (earlier, 1)
        rows = [json.loads(line) for line in Path("m.jsonl").read_text().splitlines()]
        assert [row["status"] for row in rows] == ["ok", "failed"]
    assert Path("out/a.txt").read_text() == "One.\n"


def test_a_dry_run_has_every_file_and_writes_none() -> None:
    recording("a.wav", "One.")
    before = set(Path.cwd().iterdir())
    plan = dry_run(
        TranscribeRequest(("a.wav", "none.flac*"), ("txt",), "out", run="run"),
        SETTINGS,
    )
    assert [(item.job.name, item.seconds) for item in plan.todo] == [("a.wav", 1.0)]
    assert [result.status for _, result in plan.settled] == [Status.FAILED]
    assert set(Path.cwd().iterdir()) == before


def test_a_batch_runs_without_typer_and_without_the_command_line() -> None:
    recording("a.wav", "One.")
    code = """
import sys
from parakeet_cli.config.settings import Settings
from parakeet_cli.transcribe.request import TranscribeRequest
from parakeet_cli.transcribe.run.batch import open_batch

request = TranscribeRequest(("a.wav",), ("txt",), "out")
with open_batch(request, Settings(engine="mock")) as batch:
    assert batch.run().exit_code == 0
assert not {"typer", "click", "rich", "parakeet_cli.cli"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path("out/a.txt").read_text() == "One.\n"
