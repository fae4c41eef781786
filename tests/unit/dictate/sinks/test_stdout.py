from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks import make_sink
from parakeet_cli.errors import SinkError


def test_stdout_gets_a_line_for_each_utterance(capsys: pytest.CaptureFixture[str]) -> None:
    sink = make_sink("stdout")
    sink.open()
    sink.insert("Schöne Grüße,")
    sink.insert(" 5 € für 🦜.")
    with pytest.raises(SinkError, match="taken back"):
        sink.undo(" 5 € für 🦜.")
    assert capsys.readouterr().out == "Schöne Grüße,\n5 € für 🦜.\n"
