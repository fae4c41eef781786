"""Tests the list of models as people see it, and where a model is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.models.registry import KNOWN
from tests.cli.running import parakeet
from tests.model_files import nemo


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    return {"HF_HUB_CACHE": str(tmp_path / "hub")}


@pytest.mark.parametrize("columns", [60, 80, 200])
def test_the_list_fits_the_terminal(columns: int, empty: dict[str, str]) -> None:
    done = parakeet("models", "list", env={**empty, "COLUMNS": str(columns)})
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert max(map(len, lines)) <= columns
    assert {row.name for row in KNOWN} <= {line.partition(" ")[0] for line in lines}
    assert ("languages" in lines[0], "licence" in lines[0], "repository" in lines[0]) == (
        True,
        columns >= 80,
        columns >= 200,
    )


def test_the_list_has_sizes_and_says_what_is_not_known(empty: dict[str, str]) -> None:
    done = parakeet("models", "list", env=empty)
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line}
    assert "2.51 GB" in rows["v3"]
    assert "486 MB" in rows["small"]
    assert "?" in rows["ctc-1.1b"]
    assert all("built in" in rows[name] for name in ("base", "tiny.en"))
    assert "unified and nemotron-3.5 need NeMo 3.0 or newer." in done.stdout
    assert "? is not known." in done.stdout


def test_a_model_that_is_not_here_has_no_path_and_offline_is_not_blamed(
    empty: dict[str, str],
) -> None:
    done = parakeet("models", "path", "v3", env=empty)
    assert (done.returncode, done.stdout) == (3, "")
    assert "is not on this machine." in done.stderr
    assert "offline" not in done.stderr.lower()
    assert "parakeet models pull v3" in done.stderr


def test_the_json_has_the_nemo_that_a_model_needs(empty: dict[str, str]) -> None:
    listed = json.loads(parakeet("models", "list", "--json", env=empty).stdout)
    needs = {row["name"]: row["oldest_nemo"] for row in listed["models"]}
    assert (needs["v3"], needs["unified"]) == (None, "3.0")


CANARY = "target: nemo.collections.asr.models.aed_multitask_models.EncDecMultiTaskModel\n"


@pytest.mark.parametrize("as_json", [False, True])
def test_the_scan_of_another_kind_of_model_is_clean_and_says_so(
    tmp_path: Path, empty: dict[str, str], as_json: bool
) -> None:
    model = nemo(tmp_path / "canary.nemo", config=CANARY)
    done = parakeet("models", "scan", str(model), *(["--json"] if as_json else []), env=empty)
    assert done.returncode == 0
    if as_json:
        assert json.loads(done.stdout) == {
            "schema": "parakeet.models.scan/1",
            "clean": True,
            "problems": [],
        }
    else:
        assert "nothing in it could run code" in done.stdout
        assert "parakeet can't transcribe with it" in done.stderr
        assert "EncDecMultiTaskModel" in done.stderr
