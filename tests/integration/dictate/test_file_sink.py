"""Writes the file of `--sink file:PATH` on a disk that is full for a while."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from parakeet_cli.dictate.sinks import make_sink
from parakeet_cli.dictate.sinks.delivery import Delivery, TextPlace
from parakeet_cli.errors import SinkError
from tests.integration.transcribe.test_crashes import mounted


def test_a_full_disk_loses_nothing_and_leaves_no_partial_line(tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "size=16k") as small:
        path = small / "notes.txt"
        sink = make_sink(f"file:{path}")
        delivery = Delivery([sink], notify=lambda *_: False)
        delivery.open()
        delivery.deliver("First.")
        delivered = delivery.deliver("x" * 20_000)
        assert [result.place for result in delivered.results] == [TextPlace.NOWHERE]
        assert "No space left on device" in delivered.lines[0]
        assert path.read_text(encoding="utf-8") == "First.\n"
        assert delivery.deliver(" Fits again.").safe
        assert path.read_text(encoding="utf-8") == "First.\nFits again.\n"
        assert delivery.replace([" Fits again."], "", "").stuck == ()
        assert delivery.replace(["x" * 20_000], "", "").stuck == ()  # it had gone nowhere
        assert delivery.replace(["First."], "", "").stuck == ()
        assert path.read_text(encoding="utf-8") == ""
        delivery.close()


def test_a_disk_that_became_read_only_is_reported(tmp_path: Path) -> None:

    with mounted(tmp_path / "small", "size=64k") as small:
        sink = make_sink(f"file:{small / 'notes.txt'}")
        sink.open()
        sink.insert("Before.")
        sink.close()
        subprocess.run(["mount", "-o", "remount,ro", small], check=True)
        with pytest.raises(SinkError, match="Read-only file system"):
            sink.insert("After.")
