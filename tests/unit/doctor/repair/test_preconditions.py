from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.doctor.diagnose import DiagnosisRequest
from parakeet_cli.doctor.repair.preconditions import (
    check_environment,
    check_options,
    locked,
    refused_on_ctrl_c,
)
from parakeet_cli.doctor.repair.request import RepairRequest
from parakeet_cli.errors import Refused, UsageError
from tests.unit.doctor.repair.facts import facts

TARGET = facts().interpreter


def request(**options: Any) -> RepairRequest:
    return RepairRequest(DiagnosisRequest("python"), **options)


def test_a_wheelhouse_must_be_there_unless_it_is_filled(tmp_path: Path) -> None:
    gone = str(tmp_path / "wheels")
    check_options(request())
    check_options(request(wheelhouse=str(tmp_path)))
    check_options(request(wheelhouse=gone, download=True, dry_run=True))
    with pytest.raises(UsageError, match="There is no folder") as refused:
        check_options(request(wheelhouse=gone))
    assert f"--wheelhouse {gone}" in (refused.value.hint or "")


@pytest.mark.parametrize(
    "options", [{}, {"dry_run": True}, {"wheelhouse": "."}], ids=["alone", "dry run", "wheelhouse"]
)
def test_a_download_needs_a_dry_run_and_a_wheelhouse(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="--download fills a wheelhouse"):
        check_options(request(download=True, **options))


@pytest.mark.parametrize("kind", ["venv", "conda"])
def test_an_environment_of_its_own_can_be_repaired(kind: Any, tmp_path: Path) -> None:
    here = str(tmp_path)
    check_environment(replace(TARGET, kind=kind, prefix=here, site_packages=here))


@pytest.mark.parametrize(
    ("kind", "what", "hint"),
    [
        ("base", "a base Python", "python3 -m venv"),
        ("conda-base", "conda's base environment", "conda create"),
    ],
)
def test_an_environment_that_others_depend_on_is_refused(
    kind: Any, what: str, hint: str, tmp_path: Path
) -> None:
    here = str(tmp_path)
    with pytest.raises(Refused, match=f"is {what}.*Nothing was changed") as refused:
        check_environment(replace(TARGET, kind=kind, prefix=here, site_packages=here))
    assert hint in (refused.value.hint or "")


def test_an_interpreter_that_can_t_start_is_refused_first() -> None:
    with pytest.raises(Refused, match="can't start: its home is gone"):
        check_environment(replace(TARGET, kind="base", problem="its home is gone"))


def test_a_folder_that_can_t_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="gone can't be written"):
        check_environment(
            replace(TARGET, prefix=str(tmp_path), site_packages=str(tmp_path / "gone"))
        )


def test_one_environment_has_one_repair_at_a_time(tmp_path: Path) -> None:
    with locked(str(tmp_path)) as descriptor:
        os.fstat(descriptor)
        with (
            pytest.raises(Refused, match=f"Another repair of {tmp_path}"),
            locked(str(tmp_path)),
        ):
            pass
    with locked(str(tmp_path)):
        pass


def test_ctrl_c_before_anything_has_begun_is_a_refusal() -> None:
    with pytest.raises(Refused, match="Nothing was changed"), refused_on_ctrl_c():
        raise KeyboardInterrupt
