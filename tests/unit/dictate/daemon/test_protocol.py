from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parakeet_cli.dictate.daemon.protocol import (
    MAX_LINE,
    Answer,
    InvalidMessage,
    decode_request,
    encode_request,
    read_line,
)

STATES = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text())


@given(st.booleans(), STATES, st.none() | st.text(), st.none() | st.text())
def test_an_answer_is_one_line_that_says_the_same_when_it_is_read(
    ok: bool, state: dict[str, object], error: str | None, hint: str | None
) -> None:
    answer = Answer(ok, state, error, hint)
    line = answer.encode()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert Answer.decode(line) == answer


def test_an_answer_of_another_version_is_read_as_far_as_it_is_understood() -> None:
    line = b'{"ok": 1, "state": [], "error": 5, "hint": null, "new": true}\n'
    assert Answer.decode(line) == Answer(False)


def test_a_request_has_a_verb_and_perhaps_a_profile() -> None:
    assert decode_request(encode_request("start")) == ("start", None)
    assert decode_request(encode_request("toggle", "mail")) == ("toggle", "mail")
    with pytest.raises(InvalidMessage, match="must be a name"):
        decode_request(b'{"verb": "start", "profile": 1}\n')


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "JSON"),
        (b"start\n", "JSON"),
        (b"\xff\n", "JSON"),
        (b'["start"]\n', "object"),
        (b"{}\n", "verb"),
        (b'{"verb": 1}\n', "verb"),
    ],
)
def test_a_line_that_is_not_a_request_is_refused(line: bytes, reason: str) -> None:
    with pytest.raises(InvalidMessage, match=reason):
        decode_request(line)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of one connection; a read that would wait forever fails."""
    here, there = socket.socketpair()
    with here, there:
        here.settimeout(5)
        there.settimeout(5)
        yield here, there


def test_a_line_is_read_whole_however_it_arrives(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    here, there = ends
    for byte in b'{"verb": ':
        there.send(bytes([byte]))
    there.send(b'"stop"}\n')
    assert read_line(here, seconds=5.0) == b'{"verb": "stop"}\n'


def test_an_end_that_sends_nothing_has_sent_an_empty_line(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    here, there = ends
    there.close()
    assert read_line(here, seconds=5.0) == b""


def test_a_line_without_end_is_refused(ends: tuple[socket.socket, socket.socket]) -> None:
    here, there = ends
    there.sendall(b"x" * (MAX_LINE + 1))
    with pytest.raises(InvalidMessage, match="one short line"):
        read_line(here, seconds=5.0)
