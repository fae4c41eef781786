"""Recordings that somebody else planted, or that were damaged: named, untouched, never typed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parakeet_cli.dictate.recording.delivery_check import DeliveryState, check_delivery
from parakeet_cli.dictate.recording.journal import DictationJournal, Intent, Target, read_journal
from parakeet_cli.dictate.recording.recording import Recording
from parakeet_cli.dictate.session.recovery import find_undelivered
from tests.integration.transcribe.command import run

OTHER = 65_533
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
INTENT: dict[str, Any] = {"intent": 1, "of": [0, 900], "text": "canary"}


def leave(root: Path, *rows: object) -> Path:
    """Leave a recording of a tenth of a second with those rows behind, and return its folder."""
    recording = Recording.create(root)
    recording.append(np.zeros(1600, np.int16))
    text = "".join(json.dumps(row) + "\n" for row in rows)
    recording.journal.write_text(text, encoding="utf-8")
    recording.journal.chmod(0o600)
    recording.close(delete=False)
    return recording.folder


def everything(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Each name below a folder with its mode, its time of change and its bytes."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


def link_away(name: str) -> Callable[[Path], None]:
    def replace(folder: Path) -> None:
        path = next(folder.glob(name))
        path.rename(folder.parents[1] / "elsewhere")
        path.symlink_to(folder.parents[1] / "elsewhere")

    return replace


def link_folder(folder: Path) -> None:
    elsewhere = folder.parents[1] / "elsewhere"
    folder.rename(elsewhere)
    folder.symlink_to(elsewhere)


def writable(name: str) -> Callable[[Path], None]:
    return lambda folder: next(folder.glob(name)).chmod(0o666)


def foreign(name: str) -> Callable[[Path], None]:
    return lambda folder: os.chown(next(folder.glob(name)), OTHER, -1)


PLANTED = [
    *(
        pytest.param(how, id=f"{word}-{name}")
        for name in ("journal.jsonl", "*.wav", "lock")
        for word, how in (("link", link_away(name)), ("writable", writable(name)))
    ),
    *(
        pytest.param(foreign(name), id=f"foreign-{name}", marks=needs_root)
        for name in ("journal.jsonl", "*.wav", "lock")
    ),
    pytest.param(link_folder, id="linked-folder"),
    pytest.param(lambda folder: folder.chmod(0o777), id="writable-folder"),
    pytest.param(lambda folder: os.chown(folder, OTHER, -1), id="foreign-folder", marks=needs_root),
]


@pytest.mark.parametrize("plant", PLANTED)
def test_what_another_user_can_have_planted_is_left_as_it_is(
    plant: Callable[[Path], None], tmp_path: Path
) -> None:
    root = tmp_path / "dictation"
    plant(leave(root, INTENT))
    before = everything(tmp_path)
    assert list(find_undelivered(root)) == []
    assert everything(tmp_path) == before


def varied(row: dict[str, Any], key: str, *values: Any) -> list[dict[str, Any]]:
    """The row with each of these values in turn."""
    return [{**row, key: value} for value in values]


WRONG: list[Any] = [
    *varied(INTENT, "of", None, 3, [1], [2, 1], [0, "9"], [-1, 5], [0, 1 << 70]),
    *varied(INTENT, "text", None, 3, ["a"]),
    *varied(INTENT, "to", 3, ["x"], [{}], [{"sink": "file", "path": 3}]),
    {**INTENT, "to": [{"sink": "file", "path": "a\0b", "size": 0}]},
    {**INTENT, "to": [{"sink": "file", "path": "x", "size": -1}]},
    {**INTENT, "to": [{"sink": "file", "path": "x", "mode": "w"}]},
    {"intent": 1},
    {"intent": {}, "of": [0, 1], "text": ""},
    {**INTENT, "replaced": "text"},
    {**INTENT, "instead": None},
    {**INTENT, "wall": "now"},
    {**INTENT, "again": []},
    *({"gap": at, "seconds": 1.0} for at in (None, "1", -1, True)),
    *({"gap": 1, "seconds": length} for length in (None, "1", -1.0, float("nan"), float("inf"))),
    {"gap": 1},
    *(
        row
        for key in ("quiet", "done", "kept")
        for row in varied({}, key, None, [], {}, "1", -1, 0.5)
    ),
    *(row for key in ("heard", "failed") for row in varied({}, key, None, 3, [], [5, 1], [[], []])),
    {"version": 1, "began": {}},
    {"version": 1, "sinks": 7},
    {"version": 1, "source": []},
    {"kept": 1, "text": 5},
    {"kept": 1, "lacking": 5},
]


@pytest.mark.parametrize("row", WRONG, ids=repr)
def test_a_row_that_no_dictation_writes_is_an_error_of_its_journal(
    row: object, tmp_path: Path
) -> None:
    folder = leave(tmp_path / "dictation", {"version": 1}, INTENT, row)
    with pytest.raises(OSError, match="no valid"):
        read_journal(folder / "journal.jsonl")
    before = everything(tmp_path)
    assert list(find_undelivered(tmp_path / "dictation")) == []
    assert everything(tmp_path) == before


def test_every_row_that_a_dictation_writes_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = DictationJournal(path)
    journal.write(version=1, source="mic", sinks=["type"], began=1.5)
    journal.write(gap=100, seconds=0.5)
    journal.write(quiet=200)
    journal.write(failed=[200, 300])
    number = journal.write_intent(
        *(300, 400, "text"), [Target("file", "/x", 3)], wall=2.0, replaced=["old"], instead="new"
    )
    journal.write(kept=number, text="rest", lacking=("/x",))
    again = journal.write_intent(300, 400, "rest", retry_of=number)
    journal.write(done=again)
    journal.write(ended=True)
    journal.close()
    assert read_journal(path) == journal.state


@pytest.mark.parametrize("kind", ["fifo", "zero"])
def test_a_journal_can_make_the_recovery_read_neither_a_device_nor_a_fifo(
    kind: str, tmp_path: Path
) -> None:
    path = tmp_path / "target"
    if kind == "fifo":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    intent = Intent(1, 0, 9, "text", (Target("file", str(path), 0),))
    assert check_delivery(intent)[0] is DeliveryState.UNKNOWN


def test_a_journal_does_not_choose_where_text_goes_or_what_runs(tmp_path: Path) -> None:
    canary, out = tmp_path / "canary", tmp_path / "out.txt"
    targets = [
        {"sink": f"command:touch {canary}", "path": None, "size": 0},
        {"sink": f"file:{canary}", "path": str(canary), "size": 0},
    ]
    sinks = [f"command:touch {canary}", f"file:{canary}"]
    header = {"version": 1, "source": "mic", "sinks": sinks, "began": 1.0}
    root = tmp_path / "state" / "parakeet" / "dictation"
    folder = leave(root, header, {"quiet": 1600}, {**INTENT, "to": targets}, {"kept": 1})
    planted = leave(root, header, {**INTENT, "to": targets})
    (planted / "journal.jsonl").chmod(0o666)
    recovered = run(
        *(tmp_path, "dictate", "--recover", "--sink", f"file:{out}"),
        env={"XDG_STATE_HOME": str(tmp_path / "state")},
        limit=300,
    )
    assert out.read_text(encoding="utf-8").strip().lower() == "canary"
    assert not canary.exists()
    assert not folder.exists()
    assert planted.exists()
    assert recovered.code == 1
    assert f"{planted}" in recovered.err
    assert "Other users can write to it" in recovered.err
