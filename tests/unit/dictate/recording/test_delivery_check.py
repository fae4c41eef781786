"""Tests what is known of a text that was being inserted when its process was killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.dictate.recording.delivery_check import (
    DeliveryState,
    check_delivery,
    delivery_targets,
)
from parakeet_cli.dictate.recording.journal import Intent, Target


def checked(intent: Intent) -> tuple[DeliveryState, str]:
    state, left = check_delivery(intent)
    return state, left.text


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "notes.txt"
    path.write_text("Hello.\n", encoding="utf-8")
    return path


def test_a_file_has_the_text_if_it_grew_by_it(file: Path) -> None:
    to = delivery_targets([f"file:{file}"])
    assert to == (Target("file", str(file), 7),)
    assert checked(Intent(1, 0, 1, " Hello.", to)) == (DeliveryState.MISSING, " Hello.")
    file.write_text("Hello.\nHello.\n", encoding="utf-8")
    assert checked(Intent(1, 0, 1, " Hello.", to))[0] is DeliveryState.DELIVERED


def test_a_file_that_is_gone_lacks_the_text(tmp_path: Path) -> None:
    to = delivery_targets([f"file:{tmp_path}/none.txt"])
    assert checked(Intent(1, 0, 1, "One.", to)) == (DeliveryState.MISSING, "One.")


@pytest.mark.parametrize("spec", ["type", "type:xtest", "clipboard", "command:cat"])
def test_a_sink_that_can_t_be_checked_is_unknown(spec: str) -> None:
    assert checked(Intent(1, 0, 1, "One.", delivery_targets([spec])))[0] is DeliveryState.UNKNOWN


def test_a_file_that_has_the_text_settles_it_for_a_window_too(file: Path) -> None:
    intent = Intent(1, 0, 1, "One.", delivery_targets(["type", f"file:{file}"]))
    assert checked(intent)[0] is DeliveryState.UNKNOWN
    file.write_text("Hello.\nOne.\n", encoding="utf-8")
    assert checked(intent)[0] is DeliveryState.DELIVERED


@pytest.mark.parametrize(
    ("content", "known"),
    [
        ("Hello.\n", (DeliveryState.DELIVERED, "Hello, you.")),  # as it was, and nothing to add
        ("", (DeliveryState.MISSING, "Hello, you.")),  # taken back, and nothing in its place
        ("Hello, you.\n", (DeliveryState.DELIVERED, "Hello, you.")),
    ],
)
def test_a_text_that_replaces_another_is_neither_lost_nor_inserted_twice(
    file: Path, content: str, known: tuple[DeliveryState, str]
) -> None:
    intent = Intent(
        1, 0, 1, "Hello, you.", delivery_targets([f"file:{file}"]), 0.0, ("Hello.",), ""
    )
    file.write_text(content, encoding="utf-8")
    assert checked(intent) == known


def test_after_a_text_that_was_not_taken_back_only_the_addition_is_searched_for(
    file: Path,
) -> None:
    to = delivery_targets([f"file:{file}"])
    intent = Intent(1, 0, 1, "Hello, and you?", to, 0.0, ("Hello.",), " And you?")
    assert checked(intent) == (DeliveryState.MISSING, " And you?")
    file.write_text("Hello.\nAnd you?\n", encoding="utf-8")
    assert checked(intent)[0] is DeliveryState.DELIVERED


def test_an_empty_insertion_is_delivered() -> None:
    assert (
        checked(Intent(1, 0, 1, "", delivery_targets(["type"]), 0.0, ("One.",)))[0]
        is DeliveryState.DELIVERED
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names an open file")
@pytest.mark.parametrize(
    ("sinks", "written"), [(["stdout"], "One.\n"), ([], '{"text": "One.", "inserted": " One."}\n')]
)
def test_stdout_is_checked_if_it_is_a_file(tmp_path: Path, sinks: list[str], written: str) -> None:
    script = (
        "import dataclasses, json, sys\n"
        "from parakeet_cli.dictate.recording.delivery_check import delivery_targets\n"
        "print(json.dumps(dataclasses.asdict(delivery_targets(sys.argv[1:])[0])), file=sys.stderr)"
    )
    out = tmp_path / "out"
    out.write_text("before\n", encoding="utf-8")
    command = [sys.executable, "-c", script, *sinks]
    with out.open("ab") as stdout:
        done = subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=True)
    to = Target(**json.loads(done.stderr))
    assert (to.path, to.size) == (str(out), 7)
    intent = Intent(1, 0, 1, " One.", (to,))
    assert checked(intent)[0] is DeliveryState.MISSING
    out.write_text(f"before\n{written}", encoding="utf-8")
    assert checked(intent)[0] is DeliveryState.DELIVERED
    piped = subprocess.run(command, capture_output=True, check=True)
    assert Target(**json.loads(piped.stderr)).path is None
