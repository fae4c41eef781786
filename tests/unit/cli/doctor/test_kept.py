from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.cli.doctor.kept import show_all
from parakeet_cli.cli.doctor.request import DoctorRequest
from parakeet_cli.errors import ExitCode
from parakeet_cli.system.environments import KeptEnvironment, keep
from tests.integration.doctor.fake_stack import Environment

LONG = "https://example.org/a/mirror/whl/cu130"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty list of environments."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "parakeet"


def lines(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What a terminal of that width is given; no line of the table is wider but an address."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert show_all(DoctorRequest(), as_json=False, verbose=False) is ExitCode.FAILED
    shown = capsys.readouterr().out
    for line in shown.partition("\n# ")[0].splitlines():
        assert len(line) <= columns or len(line.split()) == 1, line
    return shown


@pytest.mark.parametrize("index", ["cu126", LONG])
@pytest.mark.parametrize("columns", [32, 40, 60, 80, 100, 200])
def test_the_table_is_no_wider_than_the_terminal_and_says_the_same(
    columns: int,
    index: str,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = Environment.new(data / "made")
    for name, path in (("nemo-2.4", made.prefix), ("nemo-3.0-cu126", data / "gone")):
        keep(data, KeptEnvironment(name, str(path), name[5:8], torch_index=index))
    shown = " ".join(lines(columns, monkeypatch, capsys).split()).lower()
    for words in ("nemo-2.4", "nemo-3.0-cu126", index, "it is gone, or no environment"):
        assert words in shown
    assert ("environment in use healthy" in shown) == (columns >= (100 if index == LONG else 60))
    assert "stack-installed" in shown


def test_an_empty_list_says_how_to_make_an_environment(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show_all(DoctorRequest(), as_json=False, verbose=False) is ExitCode.OK
    assert "parakeet setup" in capsys.readouterr().out
