from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks import make_sink
from parakeet_cli.errors import SinkError


def test_stdout_gets_a_line_for_each_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    sink = make_sink("stdout")
    sink.open()
    sink.insert("Schöne Grüße,")
    sink.insert(" 5 € für 🦜.")
    with pytest.raises(SinkError, match="taken back"):
        sink.undo(" 5 € für 🦜.")
    assert capsys.readouterr().out == "Schöne Grüße, 5 € für 🦜.\n"


@pytest.mark.parametrize(
    ("texts", "lines"),
    [
        (["hello", ",", " world"], "hello, world\n"),
        (["hello", " world", "."], "hello\nworld.\n"),
        (["one,", " two"], "one, two\n"),
        (["Hello.", " He came”.", " And"], "Hello.\nHe came”.\nAnd\n"),
        (["He said (", "x", ")", ",", " yes"], "He said (x), yes\n"),
        (["one", "\n", "two"], "one\ntwo\n"),
        (["one", "\n\n", "two."], "one\n\ntwo.\n"),
        ([" ", "", "\x1b[2Jone."], "[2Jone.\n"),
    ],
)
def test_a_spoken_mark_belongs_to_the_line_of_its_sentence(
    texts: list[str], lines: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = make_sink("stdout")
    for text in texts:
        sink.insert(text)
    sink.close()
    assert capsys.readouterr().out == lines
