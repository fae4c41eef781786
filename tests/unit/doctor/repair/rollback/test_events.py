"""The lines of a repair's journal: those that a repair writes, and all others."""

from __future__ import annotations

import json

import pytest

from parakeet_cli.doctor.repair.rollback.events import is_root, parse_events

BEGUN = {"event": "begin", "time": 1.5, "prefix": "/env", "pid": 7, "python": "p", "started": "5"}
KEPT = {"event": "kept", "time": 2, "roots": ["bin", "lib/python3.11/site-packages"], "files": 3}


def lines(*rows: object) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_what_a_repair_writes_is_read() -> None:
    assert parse_events(lines(BEGUN, KEPT)) == [BEGUN, KEPT]
    assert parse_events(b"") == []


@pytest.mark.parametrize("torn", [b"{", b'{"event":', b'{"event": "ste', b"", b"\0" * 90])
def test_a_torn_line_is_left_out(torn: bytes) -> None:
    assert parse_events(lines(BEGUN) + torn) == [BEGUN]
    assert parse_events(torn + b"\n" + lines(BEGUN)) == [BEGUN]


@pytest.mark.parametrize(
    "row",
    [
        [],
        1,
        None,
        {},
        {"time": 1.0},
        {"event": "other"},
        {"event": ["begin"]},
        {"event": "fetched", "roots": ["bin"]},
        {**BEGUN, "pid": -1},
        {**BEGUN, "pid": True},
        {**BEGUN, "started": "5x"},
        {**BEGUN, "time": -1},
        {**BEGUN, "time": float("nan")},
        {**BEGUN, "time": 1e300},
        {**KEPT, "roots": ["../outside"]},
        {**KEPT, "roots": "bin"},
        {**KEPT, "roots": []},
        {**KEPT, "roots": ["bin", "bin"]},
        {**KEPT, "roots": ["lib", "lib/python3.11"]},
        {**KEPT, "roots": ["share"]},
        {"event": "stands", "summary": "a\x1b[31m"},
        {"event": "stands", "summary": 1},
    ],
)
def test_a_line_of_another_form_is_refused(row: object) -> None:
    with pytest.raises(ValueError, match="event"):
        parse_events(lines(KEPT, row))


def test_text_that_is_no_part_of_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="no event"):
        parse_events(lines(BEGUN) + b"text\n")


@pytest.mark.parametrize(
    "name", ["bin", "share", "lib", "lib/python3.12/site-packages", "lib/python3.12/x", "jupyter"]
)
def test_what_pip_writes_into_is_a_root(name: str) -> None:
    assert is_root(name)


@pytest.mark.parametrize(
    "name",
    [".parakeet", ".parakeet/x", "bin/x", "project/src", "..", "/bin", "lib/..", "", 1, None],
)
def test_anything_else_is_none(name: object) -> None:
    assert not is_root(name)
