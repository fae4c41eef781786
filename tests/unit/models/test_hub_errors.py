from __future__ import annotations

import errno
import os

import pytest

from parakeet_cli.errors import EngineUnavailable, ExitCode
from parakeet_cli.models.hub_errors import readable_errors
from parakeet_cli.models.registry import look_up
from parakeet_cli.models.types import NEMO


def raised(error: Exception) -> EngineUnavailable:
    known = look_up("1.1b", NEMO)
    assert known is not None
    with pytest.raises(EngineUnavailable) as found, readable_errors(known):
        raise error
    return found.value


def answered(status: int) -> Exception:
    """The client's error for an answer with that status, whichever library it is made with."""
    from huggingface_hub.errors import HfHubHTTPError

    error = HfHubHTTPError.__new__(HfHubHTTPError)
    Exception.__init__(error, f"{status} for url: http://hub")
    error.response = type("Answer", (), {"status_code": status})()
    return error


@pytest.mark.parametrize(
    ("error", "cause", "passes"),
    [
        (ConnectionError("refused"), "the model hub can't be reached", True),
        (OSError("connection broken: IncompleteRead"), "the model hub can't be reached", True),
        (answered(401), "the model hub refuses the credentials", False),
        (answered(403), "the model hub refuses the credentials", False),
        (answered(407), "a proxy refuses the credentials", False),
        (answered(429), "the model hub can't serve anything at the moment", True),
        (answered(502), "the model hub can't serve anything at the moment", True),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), "the disk of the models is full", True),
    ],
)
def test_a_fault_of_the_surroundings_is_known_as_one(
    error: Exception, cause: str, passes: bool
) -> None:
    found = raised(error)
    assert found.obstacle is not None
    assert (found.obstacle.cause, found.obstacle.passes) == (cause, passes)
    assert found.exit_code is ExitCode.ENGINE  # of a single recording
    assert found.hint


@pytest.mark.parametrize(
    "error",
    [answered(404), answered(416), ValueError("no such scheme"), OSError(errno.EACCES, "denied")],
)
def test_what_another_time_would_not_mend_is_not(error: Exception) -> None:
    assert raised(error).obstacle is None


def test_a_disk_is_not_taken_for_the_network() -> None:
    full = raised(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    assert "could not be stored in " in str(full)
    assert "Make room on the disk" in (full.hint or "")
    assert "network" not in (full.hint or "")
    locked = raised(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))
    assert "HF_HOME" in (locked.hint or "")
