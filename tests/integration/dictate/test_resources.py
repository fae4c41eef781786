from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.media_files import SAMPLES

PROGRAM = """
import json, sys
from contextlib import nullcontext
from parakeet_cli.config.settings import Settings
from parakeet_cli.dictate.recording.recording import recordings_folder
from parakeet_cli.dictate.session.request import DictationRequest
from parakeet_cli.dictate.session.resources import SessionResources
from parakeet_cli.dictate.session.sources import make_source

class View:
    def event(self, event):
        print(event.json_line, end="")
    def level(self, peak):
        pass
    def aside(self):
        return nullcontext()

clip, sink = sys.argv[1:]
request = DictationRequest(Settings(engine="mock"), from_file=clip, fast=True, sinks=(sink,))
with SessionResources(request) as resources:
    summary = resources.make_dictation(make_source(request), View()).run()
recover = DictationRequest(Settings(engine="mock"), recover=True, sinks=("file:recovered.txt",))
with SessionResources(recover) as resources:
    left = resources.make_recovery(View()).run(recordings_folder())
imported = [name for name in ("typer", "click", "parakeet_cli.cli") if name in sys.modules]
print(json.dumps([summary.utterances, summary.recording is not None, left, imported]))
"""


def run_program(folder: Path, sink: str) -> list[Any]:
    """The events of a dictation and a recovery, and last what the program found out."""
    clip = folder / "clip.wav"
    clip.write_bytes((SAMPLES / "sense_0870.wav").read_bytes())
    clip.with_suffix(".txt").write_text("Hello world.", encoding="utf-8")
    home = {"HOME": str(folder), "XDG_STATE_HOME": str(folder), "PARAKEET_MOCK_RTF": "0"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(clip), sink],
        cwd=folder,
        capture_output=True,
        check=True,
        env={**os.environ, **home, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_program_dictates_without_the_command_line(tmp_path: Path) -> None:
    *events, end = run_program(tmp_path, "file:out.txt")
    assert [event["event"] for event in events if event["event"] == "final"]
    assert (tmp_path / "out.txt").read_text(encoding="utf-8")
    assert end == [1, False, 0, []]


def test_a_program_recovers_what_a_sink_did_not_take(tmp_path: Path) -> None:
    *events, end = run_program(tmp_path, "command:exit 3")
    assert "recovered" in {event["event"] for event in events}
    assert (tmp_path / "recovered.txt").read_text(encoding="utf-8")
    assert end == [1, True, 0, []]
