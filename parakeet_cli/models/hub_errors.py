"""Says why a model can't be fetched, and whether that is a fault of the surroundings."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from json import JSONDecodeError

from parakeet_cli.errors import EngineUnavailable, Obstacle, system_hint
from parakeet_cli.models.cache import cache_folder
from parakeet_cli.models.types import KnownModel, option_of

DISK_IS_FULL = Obstacle("the disk of the models is full")
_UNREACHABLE = Obstacle("the model hub can't be reached")
_OVERLOADED = Obstacle("the model hub can't serve anything at the moment")
_REFUSED = Obstacle("the model hub refuses the credentials", passes=False)
# By the status of HTTP; what isn't here is the model's own: it isn't there, or is closed.
_BY_STATUS = {
    401: _REFUSED,
    403: _REFUSED,
    407: Obstacle("a proxy refuses the credentials", passes=False),
    408: _OVERLOADED,
    425: _OVERLOADED,
    429: _OVERLOADED,
}
# What a disk answers, and not the network.
_OF_THE_DISK = {
    errno.ENOSPC: DISK_IS_FULL,
    errno.EDQUOT: Obstacle("the quota on the disk of the models is used up"),
    errno.EFBIG: None,
    errno.EROFS: None,
    errno.EACCES: None,
    errno.EPERM: None,
    errno.EIO: Obstacle("the disk of the models can't be written"),
}


def offline_variable() -> str | None:
    """HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE, whichever takes the hub's client offline."""
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        if value := os.environ.get(variable):
            return variable if value.upper() in {"1", "ON", "YES", "TRUE"} else None
    return None


def offline_error(known: KnownModel, why: str) -> EngineUnavailable:
    """The error for a model that is not cached when nothing may be downloaded."""
    return EngineUnavailable(
        f"The model {known.name} ({known.repository}) is not on this machine, and {why}.",
        hint=f"With a network, type once: parakeet models pull {known.name}; or name a file or "
        f"folder with {option_of(known.kind)}.",
    )


def network_errors(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """The hub client's errors without a network: OSErrors with requests, httpx's own with httpx."""
    clients = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return (OSError, *more, *(client.HTTPError for client in clients if client is not None))


@contextmanager
def readable_errors(known: KnownModel) -> Iterator[None]:
    """Turn the client's errors into EngineUnavailable, with what to type."""
    from huggingface_hub.errors import (
        DisabledRepoError,
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except HFValidationError as error:
        raise EngineUnavailable(
            f"'{known.repository}' is neither a file on this machine nor the id of a model on "
            "the hub.",
            hint="A hub id looks like nvidia/parakeet-tdt-0.6b-v3; known names: "
            "parakeet models list",
        ) from error
    except GatedRepoError as error:
        raise EngineUnavailable(
            f"The model {known.repository} is open only to people who requested access on the hub.",
            hint="Request it on the model's page, then put your token in HF_TOKEN, or type: "
            "hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise EngineUnavailable(
            f"The hub no longer has the revision {known.revision} of {known.repository}, "
            "whose checksums this program knows.",
            hint=f"`{option_of(known.kind)} {known.repository}` takes another, checked against "
            "the hub's own checksums only.",
        ) from error
    except RepositoryNotFoundError as error:
        raise EngineUnavailable(
            f"The hub has no model {known.repository}, or it is private.",
            hint="Check the name; for a private one put your token in HF_TOKEN, or type: "
            "hf auth login",
        ) from error
    except OfflineModeIsEnabled as error:
        variable = offline_variable() or "HF_HUB_OFFLINE"
        raise offline_error(known, f"{variable} is set") from error
    except DisabledRepoError as error:
        raise EngineUnavailable(f"The hub has closed the model {known.repository}.") from error
    except HfHubHTTPError as error:
        raise _not_served(known, error, getattr(error.response, "status_code", 0)) from error
    except network_errors(ValueError) as error:
        raise _not_fetched(known, error) from error


def _not_served(known: KnownModel, error: Exception, status: int) -> EngineUnavailable:
    """The error for an answer of the hub that is a refusal."""
    obstacle = _OVERLOADED if status >= 500 else _BY_STATUS.get(status)
    hint = _try_again("Check the network", known)
    if obstacle is _REFUSED:
        hint = _try_again("Put a token that is valid in HF_TOKEN, or type: hf auth login", known)
    elif obstacle is _OVERLOADED:
        hint = _try_again("Wait a while", known)
    return EngineUnavailable(_message(known, error), hint=hint, obstacle=obstacle)


def _not_fetched(known: KnownModel, error: Exception) -> EngineUnavailable:
    """The error for a download that a disk or the network kept from its end."""
    if isinstance(error, OSError) and error.errno in _OF_THE_DISK:
        folder = cache_folder()
        return EngineUnavailable(
            f"The model {known.repository} could not be stored in {folder}: {error.strerror}.",
            hint=system_hint(error) or "Name a folder that can be written in HF_HOME.",
            obstacle=_OF_THE_DISK[error.errno],
        )
    # A network that one has to log in to answers with a page of its own.
    lost = not isinstance(error, ValueError) or isinstance(error, JSONDecodeError)
    return EngineUnavailable(
        _message(known, error),
        hint=_try_again("Check the network", known),
        obstacle=_UNREACHABLE if lost else None,
    )


def _message(known: KnownModel, error: Exception) -> str:
    reason = str(error).strip().partition("\n")[0] or type(error).__name__
    return f"The model {known.repository} could not be fetched from the hub: {reason}"


def _try_again(first: str, known: KnownModel) -> str:
    return f"{first}, then: parakeet models pull {known.name} (it resumes where it stopped)."
