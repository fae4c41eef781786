from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from parakeet_cli.transcribe.inputs.surroundings import (
    obstacle_of,
    obstacle_of_input,
    obstacle_of_storage,
)


@pytest.mark.parametrize(
    "number",
    [errno.EDQUOT, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.ETIMEDOUT, errno.ENETDOWN],
)
def test_a_lost_mount_and_a_used_quota_are_no_file_s_fault(number: int) -> None:
    obstacle = obstacle_of(OSError(number, os.strerror(number)))
    assert obstacle is not None
    assert obstacle.certain


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.EISDIR, errno.EFBIG])
def test_what_is_a_file_s_own_fault_is_no_obstacle(number: int) -> None:
    assert obstacle_of(OSError(number, os.strerror(number))) is None
    assert obstacle_of(ValueError("x")) is None


def test_a_file_that_does_not_fit_on_a_disk_with_room_may_be_to_blame(tmp_path: Path) -> None:
    obstacle = obstacle_of(OSError(errno.ENOSPC, "No space"), str(tmp_path / "not/there/yet"))
    assert obstacle is not None
    assert not obstacle.certain


@pytest.mark.parametrize(
    ("error", "cause", "passes"),
    [
        (PermissionError("The provided token has expired."), "refuses the credentials", False),
        (OSError("An error occurred (ExpiredToken)"), "refuses the credentials", False),
        (RuntimeError("Unable to locate credentials"), "refuses the credentials", False),
        (FileNotFoundError("The specified bucket does not exist"), "does not exist", False),
        (OSError("Could not connect to the endpoint URL"), "can't be reached", True),
        (TimeoutError(), "can't be reached", True),
    ],
)
def test_what_a_storage_s_client_says_has_one_cause(
    error: Exception, cause: str, passes: bool
) -> None:
    obstacle = obstacle_of_storage(error)
    assert cause in obstacle.cause
    assert obstacle.passes is passes


def test_a_recording_that_a_folder_listed_and_is_gone_may_mean_a_lost_mount(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.wav").touch()
    assert obstacle_of_input(str(tmp_path / "a.wav")) is None
    obstacle = obstacle_of_input(str(tmp_path / "gone.wav"))
    assert obstacle is not None
    assert not obstacle.certain
