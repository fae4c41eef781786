"""Finds a model by its name: a path, a known name, or a hub id, fetched where it is not cached."""

from __future__ import annotations

from pathlib import Path

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.cache import cached_repositories, find_cached
from parakeet_cli.models.registry import (
    DEFAULT,
    KNOWN,
    by_repository,
    look_up,
    names,
    similar_names,
)
from parakeet_cli.models.types import NEMO_FILES, SPEAKERS, KnownModel, LocalModel, option_of

OFFLINE_BY_SETTING = 'downloads are off (--offline, PARAKEET_OFFLINE or "offline" in config.json)'


def find_model(
    name: str | None, *, kind: str, offline: bool = False, progress: bool = False
) -> LocalModel:
    """The model of that name for an engine; None is v3.

    A cached model needs no network. Any other is downloaded, with a progress bar if
    `progress`. Raises EngineUnavailable, with what to type.
    """
    asked = name or DEFAULT
    if is_path(asked):
        return _model_at(Path(asked).expanduser(), kind)
    known = resolve_name(asked, kind)
    if (cached := find_cached(known)) is not None:
        return cached
    from parakeet_cli.models import hub, hub_errors
    from parakeet_cli.models.progress import show_progress

    if offline:
        raise hub_errors.offline_error(known, OFFLINE_BY_SETTING)
    if (variable := hub_errors.offline_variable()) is not None:
        raise hub_errors.offline_error(known, f"{variable} is set")
    with show_progress(visible=progress) as shown:
        return hub.fetch(known, shown)


def is_path(name: str) -> bool:
    """Whether it names a file or folder, and not a model: a path has a slash or a suffix.

    A name of the table is the table's, whatever is in the working folder. Hub ids have slashes,
    and other names dots: those are paths where there is such a file or folder.
    """
    if look_up(name) is not None:
        return False
    if name.startswith((".", "/", "~")) or name.endswith((".nemo", "/")):
        return True
    return ("/" in name or Path(name).suffix != "") and Path(name).exists()


def resolve_name(name: str, kind: str) -> KnownModel:
    """The known model or the hub repository of that name. Raises EngineUnavailable."""
    known = look_up(name, kind)
    if known is not None:
        return known
    if name.count("/") == 1:
        return by_repository(name, kind)
    raise unknown_name(name, kind)


def unknown_name(name: str, kind: str) -> EngineUnavailable:
    """The error for a name that no model of that kind has, with the names that come close."""
    others = [row.kind for row in KNOWN if name in (row.name, *row.aliases)]
    other = f"; that is a name for {_short(others[0])}" if others else ""
    if Path(name).exists():
        hint = f"For the one in this folder, name its path: {option_of(kind)} ./{name}"
    elif others == [SPEAKERS]:
        hint = f"It says who spoke: --speakers {option_of(SPEAKERS)} {name}"
    elif similar := similar_names(name, kind) or similar_names(name):
        hint = f"Did you mean {' or '.join(similar)}? All names: parakeet models list"
    else:
        example = next(row.repository for row in KNOWN if row.kind == kind)
        hint = f"Known names: {', '.join(names(kind))}; or a hub id such as {example}, or a path."
    user = "" if kind == SPEAKERS else "the engine "
    return EngineUnavailable(
        f"There is no model called '{name}' for {user}{_short(kind)}{other}.", hint=hint
    )


def _short(kind: str) -> str:
    return option_of(kind) if kind == SPEAKERS else kind


def cached_models(kind: str) -> list[LocalModel]:
    """The complete cached models: known names first, the default before all, then hub ids."""
    named = {row.repository for row in KNOWN}
    rows = [row for row in KNOWN if row.kind == kind]
    rows += [by_repository(name, kind) for name in cached_repositories() if name not in named]
    return [model for row in rows if (model := find_cached(row)) is not None]


def _model_at(path: Path, kind: str) -> LocalModel:
    if kind in NEMO_FILES and path.is_file():
        return LocalModel(path, path.stem, kind)
    if kind not in NEMO_FILES and path.is_dir():
        return LocalModel(path, path.resolve().name, kind)
    expected = "a .nemo file" if kind in NEMO_FILES else f"a folder with a model for {kind}"
    problem = f"is not {expected}" if path.exists() else "does not exist"
    raise EngineUnavailable(
        f"The model {path} {problem}.",
        hint=f"Name {expected}, or one of: {', '.join(names(kind))}.",
    )
