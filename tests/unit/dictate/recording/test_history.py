from __future__ import annotations

import json
import time
from pathlib import Path

from parakeet_cli.dictate.recording.history import History, HistoryEntry, read_history


def test_history_is_stored_for_its_days_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    history = History(path, days=30)
    history.add(HistoryEntry(time.time() - 40 * 86_400, "long ago"))
    history.add(HistoryEntry(time.time(), "now", ("stdout",), delivered=False))
    assert [entry.text for entry in read_history(path)] == ["long ago", "now"]
    History(path, days=30)
    (left,) = read_history(path)
    assert (left.text, left.delivered) == ("now", False)
    History(path, days=0).add(HistoryEntry(0.0, "not stored"))
    assert len(list(read_history(path))) == 1
    assert json.loads(path.read_text(encoding="utf-8"))["text"] == "now"
