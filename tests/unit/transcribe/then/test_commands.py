from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from threading import Event

import pytest

from parakeet_cli.transcribe.then.commands import (
    ThenCommands,
    command_line,
    unfinished,
    variables,
)
from parakeet_cli.transcribe.then.record import Due, ThenContent, read_then

OUTPUTS = ("/out/a b.txt", "/out/$(x).json")


@pytest.mark.parametrize(
    "command", ["printf '%s\\n'", 'printf "%s\\n" "$@"', "cat <<!\n$1\n$2\n!", "'printf' %s\\\\n"]
)
def test_every_way_to_write_a_command_gets_the_outputs_as_they_are(command: str) -> None:
    done = subprocess.run(command_line(command, OUTPUTS), capture_output=True, check=True)
    assert done.stdout.decode().splitlines() == list(OUTPUTS)


def test_the_environment_says_what_was_made_of_what() -> None:
    assert variables(Due("key", None, "", "/in/a b.wav", OUTPUTS, "partial")) == {
        "PARAKEET_SOURCE": "/in/a b.wav",
        "PARAKEET_STATUS": "partial",
        "PARAKEET_OUTPUTS": "/out/a b.txt\n/out/$(x).json",
        "PARAKEET_OUTPUT_TXT": "/out/a b.txt",
        "PARAKEET_OUTPUT_JSON": "/out/$(x).json",
    }


def test_what_failed_is_left_only_if_it_is_to_be_tried_again(tmp_path: Path) -> None:
    due, failed = (Due(key, None, "", key, ()) for key in ("due", "failed"))
    content = ThenContent(due={"due": due}, failed={"failed": (failed, "why")})
    assert list(unfinished(content, retry_failed=False)) == [due]
    assert list(unfinished(content, retry_failed=True)) == [due, failed]


def test_a_command_that_cannot_be_begun_is_said_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    ended = Event()

    def say(text: str) -> None:
        said.append(text)
        monkeypatch.undo()
        ended.set()

    journal, ran = tmp_path / "then.jsonl", tmp_path / "ran"
    commands = ThenCommands(f"echo >> {ran}", journal, limit=60.0, say=say)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    for name in ("first", "second"):
        due = Due(name, None, "", f"/in/{name}.wav", ())
        commands.record_due(due)
        commands.add(due)
        assert ended.wait(60)
    for _ in range(600):
        if ran.exists():
            break
        time.sleep(0.1)
    commands.close(60.0)
    assert len(said) == 1
    assert said[0].startswith("--then failed for /in/first.wav: it can't be run")
    content = read_then(journal)
    assert list(content.failed) == ["first"]
    assert list(content.done) == ["second"]
