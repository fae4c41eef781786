"""What `parakeet models` prints and asks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.config import load_settings
from parakeet_cli.console import Verbosity
from parakeet_cli.errors import ExitCode, UsageError
from parakeet_cli.models import KINDS, find, hub, scan, store
from parakeet_cli.models.types import KnownModel

_COLUMNS = ("name", "for", "size", "cached", "licence", "languages", "repository")


def show_list(*, as_json: bool) -> None:
    """A line a model."""
    entries = store.entries()
    if as_json:
        _print_json({"schema": "parakeet.models/1", "models": [_as_json(one) for one in entries]})
        return
    rows = [
        (
            one.known.name,
            one.known.kind,
            _megabytes(one.cached_bytes or one.known.size),
            (one.found.revision or "")[:8] if one.found else "-",
            one.known.licence or "?",
            one.known.languages or "?",
            one.known.repository,
        )
        for one in entries
    ]
    widths = [max(len(row[at]) for row in (_COLUMNS, *rows)) for at in range(len(_COLUMNS))]
    for row in (_COLUMNS, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.out(f"{line.rstrip()}\n")


def _as_json(entry: store.Entry) -> dict[str, object]:
    known, found = entry.known, entry.found
    return {
        "name": known.name,
        "kind": known.kind,
        "repository": known.repository,
        "size": known.size,
        "licence": known.licence,
        "languages": known.languages,
        "pinned": known.revision,
        "cached": None
        if found is None
        else {"path": str(found.path), "revision": found.revision, "bytes": entry.cached_bytes},
    }


def show_pull(name: str, kind: str | None, *, offline: bool | None, progress: bool) -> None:
    """Fetches a model and prints its path; raises EngineUnavailable."""
    known = _known(name, kind)
    console.set_verbosity(Verbosity(progress=progress))
    if load_settings({"offline": offline}).offline:
        raise hub.offline_error(known, "--offline is set")
    with _watch() as watch:
        found = hub.fetch(known, watch)
    pinned = found.revision == known.revision
    console.info(
        f"{known.name} is here, revision {(found.revision or '')[:8]}; its sums are "
        f"{'those in this program' if pinned else 'what the hub said, and are recorded'}."
    )
    console.out(f"{found.path}\n")


def show_verify(name: str | None, kind: str | None, *, as_json: bool, progress: bool) -> int:
    """A line a file; the exit code."""
    console.set_verbosity(Verbosity(progress=progress))
    if name is None:
        models = [one.known for one in store.entries() if one.found]
    else:
        models = [_known(name, kind)]
    with _watch() as watch:
        checked = [(known, list(store.verify(known, watch))) for known in models]
    good = all(one.status is one.Status.OK for _, verdicts in checked for one in verdicts)
    if as_json:
        rows = [
            {"model": known.name, "file": one.file, "status": one.status, "against": one.against}
            for known, verdicts in checked
            for one in verdicts
        ]
        _print_json({"schema": "parakeet.models.verify/1", "ok": good, "files": rows})
        return ExitCode.OK if good else ExitCode.FAILED
    for known, verdicts in checked:
        for one in verdicts:
            shown = console.shown_name(one.file)
            console.out(f"{one.status:8} {known.name}  {shown}  ({one.against})\n")
        if any(one.status is not one.Status.OK for one in verdicts):
            console.note(f"  To mend {known.name}: parakeet models pull {known.name}")
    if not models:
        console.note("No model is cached.")
    return ExitCode.OK if good else ExitCode.FAILED


def show_scan(file: str, *, as_json: bool) -> int:
    """What was found; the exit code."""
    problems = scan(Path(file).expanduser())
    if as_json:
        rows = [{"where": one.where, "what": one.what} for one in problems]
        _print_json({"schema": "parakeet.models.scan/1", "clean": not problems, "problems": rows})
    else:
        for one in problems:
            console.out(f"{console.shown_name(str(one))}\n")
        if not problems:
            console.out(f"{console.shown_name(file)}: nothing in it could run code.\n")
    return ExitCode.FAILED if problems else ExitCode.OK


def show_path(name: str, kind: str | None) -> None:
    """The path of what is cached; raises EngineUnavailable."""
    known = _known(name, kind)
    console.out(f"{find(known.name, kind=known.kind, offline=True).path}\n")


def show_remove(name: str, kind: str | None, *, yes: bool) -> None:
    """Asks, and deletes; raises UsageError where nobody can be asked."""
    known = _known(name, kind)
    folder = store.folder_of(known)
    others = store.sharing(known)
    if not yes and not _confirmed(known, folder, others):
        console.note("Nothing was removed.")
        return
    freed = store.remove(known)
    console.info(f"{known.repository} was removed: {freed / 1e6:.1f} MB are free again.")


def _confirmed(known: KnownModel, folder: Path, others: list[str]) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"Whether {known.name} is to be removed can't be asked here.",
            hint=f"parakeet models remove {known.name} --yes",
        )
    too = f" (with it: {', '.join(others)})" if others else ""
    sys.stderr.write(f"Remove {known.repository}{too} from {folder.parent}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _known(name: str, kind: str | None) -> KnownModel:
    if kind is not None and kind not in KINDS:
        raise UsageError(f"There is no kind '{kind}'.", hint=f"Choose one of: {', '.join(KINDS)}.")
    return store.model_of(name, kind)


@contextmanager
def _watch() -> Iterator[hub.Watch]:
    """A bar where there is a terminal and nobody asked for none."""
    if not console.shows_progress():
        yield hub.Unwatched()
        return
    from parakeet_cli.models.progress import Bars

    with Bars() as bars:
        yield bars


def _megabytes(count: int | None) -> str:
    return "?" if not count else f"{count / 1e6:,.0f} MB"


def _print_json(value: object) -> None:
    console.out(json.dumps(value, indent=2, ensure_ascii=True) + "\n")
