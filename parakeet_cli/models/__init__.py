"""The models: their names, where they are, and whether they can be trusted.

`find` turns a name into a path, `cached_models` says what is here without a network, `scan` and
`refuse_hostile` read a model's files before anything that could run them does.
"""

from __future__ import annotations

from pathlib import Path

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.cache import cached, repositories
from parakeet_cli.models.registry import DEFAULT, KNOWN, by_repository, look_up, names
from parakeet_cli.models.scan.scan import refuse_hostile, scan
from parakeet_cli.models.types import KINDS, NEMO, ONNX, WHISPER, KnownModel, LocalModel, Problem

__all__ = [
    "KINDS",
    "NEMO",
    "ONNX",
    "WHISPER",
    "KnownModel",
    "LocalModel",
    "Problem",
    "cached_models",
    "find",
    "refuse_hostile",
    "scan",
]


def find(
    name: str | None, *, kind: str, offline: bool = False, progress: bool = False
) -> LocalModel:
    """The model that a name means: a path, a known name, or a hub id; None is v3.

    What is cached needs no network; else it is fetched, with a bar if `progress`. Raises
    EngineUnavailable, with what to type.
    """
    asked = name or DEFAULT
    path = Path(asked).expanduser()
    if path.exists() or asked.startswith((".", "/", "~")) or path.suffix == ".nemo":
        return _local(path, kind)
    known = resolve(asked, kind)
    if (found := cached(known)) is not None:
        return found
    from parakeet_cli.models import hub

    if offline:
        raise hub.offline_error(known, "--offline is set")
    if hub.offline_by_environment():
        raise hub.offline_error(known, "HF_HUB_OFFLINE is set")
    if not progress:
        return hub.fetch(known)
    from parakeet_cli.models.progress import Bars

    with Bars() as bars:
        return hub.fetch(known, bars)


def resolve(asked: str, kind: str) -> KnownModel:
    """The known model or the hub repository of that name; raises EngineUnavailable."""
    known = look_up(asked, kind)
    if known is not None:
        return known
    if asked.count("/") == 1:
        return by_repository(asked, kind)
    others = [row.kind for row in KNOWN if asked in (row.name, *row.aliases)]
    wrong = f"; that is a name for {others[0]}" if others else ""
    raise EngineUnavailable(
        f"There is no model called '{asked}' for the engine {kind}{wrong}.",
        hint=f"Known names: {', '.join(names(kind))}; or a hub id such as "
        "nvidia/parakeet-tdt-0.6b-v3, or a path.",
    )


def cached_models(kind: str) -> list[LocalModel]:
    """What is cached whole, the default first, then the known names, then other hub ids."""
    rows = [row for row in KNOWN if row.kind == kind]
    found = [model for row in rows if (model := cached(row)) is not None]
    named = {row.repository for row in KNOWN}
    others = [by_repository(name, kind) for name in repositories() if name not in named]
    return [*found, *(model for row in others if (model := cached(row)) is not None)]


def _local(path: Path, kind: str) -> LocalModel:
    if kind == NEMO and path.is_file():
        return LocalModel(path, path.stem, kind)
    if kind != NEMO and path.is_dir():
        return LocalModel(path, path.resolve().name, kind)
    wanted = "a .nemo file" if kind == NEMO else f"a folder with a model for {kind}"
    problem = f"is not {wanted}" if path.exists() else "does not exist"
    raise EngineUnavailable(
        f"The model {path} {problem}.",
        hint=f"Name {wanted}, or one of: {', '.join(names(kind))}.",
    )
