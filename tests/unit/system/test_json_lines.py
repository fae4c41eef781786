from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.system import json_lines


def rows(path: Path) -> list[json_lines.Row]:
    return list(json_lines.read(path))


def test_rows_come_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    for number in range(3):
        json_lines.append(path, {"number": number}, sync=True)
    assert rows(path) == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_a_file_that_is_not_there_has_no_rows(tmp_path: Path) -> None:
    assert rows(tmp_path / "journal") == []


@pytest.mark.parametrize("torn", [b'{"number": 1', b'{"number": 1}', b'{"n', b"\xff\xfe"])
def test_a_torn_last_line_costs_itself_alone(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'{"number":0}\n' + torn)
    whole = [{"number": 0}] + ([{"number": 1}] if torn.endswith(b"}") else [])
    assert rows(path) == whole
    json_lines.append(path, {"number": 2})
    assert rows(path) == [*whole, {"number": 2}]


def test_lines_that_are_not_objects_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(b'[1]\n7\n{"number":0}\nnull\n\n{"number":1}\n')
    assert rows(path) == [{"number": 0}, {"number": 1}]


def test_undecodable_names_survive(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    json_lines.append(path, {"name": os.fsdecode(b"caf\xe9")})
    assert os.fsencode(rows(path)[0]["name"]) == b"caf\xe9"


def test_a_readable_file_holds_its_letters(tmp_path: Path) -> None:
    appender = json_lines.Appender(tmp_path / "history", mode=0o600, readable=True)
    appender.append({"text": "für"})
    appender.close()
    assert (tmp_path / "history").read_text("utf-8") == '{"text": "für"}\n'
    assert (tmp_path / "history").stat().st_mode & 0o777 == 0o600


def test_a_row_that_does_not_fit_is_an_error_and_torn(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    code = (
        "import errno, resource, signal, sys; from pathlib import Path\n"
        "from parakeet_cli.system import json_lines\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))\n"
        "json_lines.append(Path(sys.argv[1]), {'number': 0})\n"
        "try: json_lines.append(Path(sys.argv[1]), {'number': 1})\n"
        "except OSError as error: sys.exit(error.errno)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == errno.EFBIG
    assert rows(path) == [{"number": 0}]
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20  # the child's limit alone


def test_the_row_after_one_that_did_not_fit_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    code = (
        "import resource, signal, sys; from contextlib import suppress; from pathlib import Path\n"
        "from parakeet_cli.system import json_lines\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "appender = json_lines.Appender(Path(sys.argv[1]))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20, most))\n"
        "appender.append({'number': 0})\n"
        "with suppress(OSError): appender.append({'number': 1})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))\n"
        "appender.append({'number': 2})\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert rows(path) == [{"number": 0}, {"number": 2}]


def test_a_line_that_no_writer_makes_is_left_out_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_lines, "LONGEST", 200_000)
    path = tmp_path / "rows"
    long, fits = b'{"a":"' + b"x" * 300_000 + b'"}\n', b'{"b":"' + b"x" * 150_000 + b'"}\n'
    path.write_bytes(
        b'{"n":1}\n' + long + b'{"n":2}\n' + fits + long + long + b'{"n":3}\n' + long[:-1]
    )
    assert [row.get("n", "fits") for row in json_lines.read(path)] == [1, 2, "fits", 3]


@pytest.mark.parametrize("length", [1, 7, 65_535, 65_536, 65_537, 131_072])
def test_rows_are_read_wherever_a_block_ends(tmp_path: Path, length: int) -> None:
    rows = [{"n": number, "x": "y" * length} for number in range(7)]
    path = tmp_path / "rows"
    path.write_bytes(b"".join(json_lines.encode(row) for row in rows))
    assert list(json_lines.read(path)) == rows
