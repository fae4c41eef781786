"""Runs the `parakeet models` commands and prints their results."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from shutil import get_terminal_size

from parakeet_cli import console
from parakeet_cli.config import load_settings
from parakeet_cli.console import Verbosity
from parakeet_cli.engines.nemo.packages import refuse_older_nemo
from parakeet_cli.errors import ExitCode, UsageError
from parakeet_cli.models import hub, hub_errors, inventory
from parakeet_cli.models.cache import find_cached
from parakeet_cli.models.inventory import FileCheck, ListedModel, Outcome
from parakeet_cli.models.progress import show_progress
from parakeet_cli.models.resolve import OFFLINE_BY_SETTING
from parakeet_cli.models.scan.model import every_problem
from parakeet_cli.models.types import KINDS, NEMO, NEMO_FILES, ONNX, SPEAKERS, WHISPER, KnownModel
from parakeet_cli.system.units import bytes_in_words, megabytes

# The list's columns; those at the end are left out where the terminal is too narrow for them.
_COLUMNS = ("name", "size", "cached", "languages", "licence", "repository")
_TITLES = {
    NEMO: "Engine nemo: Parakeet by NVIDIA NeMo",
    ONNX: "Engine onnx: Parakeet without torch and NeMo",
    WHISPER: "Engine whisper",
    SPEAKERS: "Who spoke: --speakers-model, by NVIDIA NeMo",
}


def show_list(*, as_json: bool) -> None:
    """Print a table of the models, or JSON."""
    models = inventory.list_models()
    if as_json:
        console.print_json(
            {"schema": "parakeet.models/1", "models": [_as_json(one) for one in models]}
        )
        return
    columns = get_terminal_size().columns
    console.out("".join(f"{line}\n" for line in _table(models, columns)))


def _table(models: Sequence[ListedModel], columns: int) -> Iterator[str]:
    """The lines of the list: each engine's models below its title."""
    rows = [(one.known.kind, _row(one)) for one in models]
    cells = [_COLUMNS, *(row for _, row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    shown = len(widths)
    while shown > 1 and sum(widths[:shown]) + 2 * (shown - 1) > columns:
        shown -= 1
    yield _line(_COLUMNS, widths[:shown])
    for kind in KINDS:
        yield ""
        yield _TITLES[kind]
        for row in (row for one, row in rows if one == kind):
            yield _line(row, widths[:shown])
    yield ""
    yield from _notes(models)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=False)).rstrip()


def _row(model: ListedModel) -> tuple[str, ...]:
    known = model.known
    size = model.cached_bytes or known.size
    return (
        known.name,
        bytes_in_words(size) if size else "?",
        "built in" if model.embedded else "yes" if model.cached else "-",
        known.languages or "?",
        known.licence or "?",
        known.repository,
    )


def _notes(models: Sequence[ListedModel]) -> Iterator[str]:
    needing: dict[tuple[str, str], list[str]] = {}  # names by their NeMo and their kind
    for one in models:
        if one.known.oldest_nemo is not None:
            needing.setdefault((one.known.oldest_nemo, one.known.kind), []).append(one.known.name)
    for (oldest, _), names in sorted(needing.items()):
        verb = "needs" if len(names) == 1 else "need"
        yield f"{' and '.join(names)} {verb} NeMo {oldest} or newer."
    yield "? is not known. With all columns: --json"


def _as_json(model: ListedModel) -> dict[str, object]:
    known, cached = model.known, model.cached
    return {
        "name": known.name,
        "kind": known.kind,
        "repository": known.repository,
        "size": known.size,
        "licence": known.licence,
        "languages": known.languages,
        "pinned": known.revision,
        "oldest_nemo": known.oldest_nemo,
        "embedded": model.embedded,
        "cached": None
        if cached is None
        else {"path": str(cached.path), "revision": cached.revision, "bytes": model.cached_bytes},
    }


def show_pull(name: str, kind: str | None, *, offline: bool | None, progress: bool) -> None:
    """Download a model and print its path. Raises EngineUnavailable."""
    known = _model_named(name, kind)
    console.set_verbosity(Verbosity(progress=progress))
    settings = load_settings({"offline": offline})
    if settings.offline and find_cached(known) is None:
        raise hub_errors.offline_error(known, OFFLINE_BY_SETTING)
    if settings.offline:
        console.info(f"{known.name} is cached; it was not compared with the hub's.")
        show_path(name, kind)
        return
    if known.kind in NEMO_FILES:
        refuse_older_nemo(settings.ml_python or sys.executable, known)
    with show_progress(visible=console.shows_progress()) as shown:
        model = hub.fetch(known, shown)
    checked = (
        "checked against the checksums in this program"
        if model.revision == known.revision
        else "checked against what the hub said, which is recorded"
    )
    console.info(f"{known.name} is cached, revision {(model.revision or '')[:8]}, {checked}.")
    console.out(f"{model.path}\n")


def show_verify(name: str | None, kind: str | None, *, as_json: bool, progress: bool) -> int:
    """Print the check of each file; returns the exit code."""
    console.set_verbosity(Verbosity(progress=progress))
    if name is None:
        models = [one.known for one in inventory.list_models() if one.cached]
    else:
        models = [_model_named(name, kind)]
    with show_progress(visible=console.shows_progress()) as shown:
        checked = [(known, list(inventory.verify(known, shown))) for known in models]
    good = all(_is_whole(checks) for _, checks in checked)
    if as_json:
        rows = [row for known, checks in checked for row in _check_rows(known, checks)]
        console.print_json({"schema": "parakeet.models.verify/1", "ok": good, "files": rows})
    else:
        _print_checks(checked)
    return ExitCode.OK if good else ExitCode.FAILED


def _is_whole(checks: Sequence[FileCheck]) -> bool:
    return all(one.outcome is Outcome.OK for one in checks)


def _check_rows(known: KnownModel, checks: Sequence[FileCheck]) -> Iterator[dict[str, str]]:
    for one in checks:
        yield {
            "model": known.name,
            "file": one.file,
            "status": one.outcome,
            "against": one.reference,
        }


def _print_checks(checked: Sequence[tuple[KnownModel, Sequence[FileCheck]]]) -> None:
    for known, checks in checked:
        for one in checks:
            shown = console.shown_name(one.file)
            console.out(f"{one.outcome:8} {known.name}  {shown}  ({one.reference})\n")
        if not _is_whole(checks):
            console.note(f"  To repair {known.name}: parakeet models pull {known.name}")
    if not checked:
        console.note("No model is cached.")


def show_scan(file: str, *, as_json: bool) -> int:
    """Print the problems of a model file; returns the exit code."""
    found = every_problem(Path(file).expanduser())
    problems = [one for one in found if not one.harmless]
    if as_json:
        rows = [{"where": one.where, "what": one.what} for one in problems]
        console.print_json(
            {"schema": "parakeet.models.scan/1", "clean": not problems, "problems": rows}
        )
    else:
        for one in problems:
            console.out(f"{console.shown_name(str(one))}\n")
        if not problems:
            console.out(f"{console.shown_name(file)}: nothing in it could run code.\n")
            for other in found[:1]:
                console.note(
                    f"  parakeet can't transcribe with it: {console.shown_name(str(other))}."
                )
    return ExitCode.FAILED if problems else ExitCode.OK


def show_path(name: str, kind: str | None) -> None:
    """Print the path of a cached model. Raises EngineUnavailable."""
    known = _model_named(name, kind)
    console.out(f"{inventory.cached_model(known).path}\n")


def show_remove(name: str, kind: str | None, *, yes: bool) -> None:
    """Ask, and delete a model. Raises UsageError where there is no terminal to ask on."""
    known = _model_named(name, kind)
    folder = inventory.cached_folder(known)
    others = inventory.models_in_same_folder(known)
    if not yes and not _confirmed(known, folder, others):
        console.note("Nothing was removed.")
        return
    freed = inventory.remove(known)
    console.info(f"{known.repository} was removed: {megabytes(freed, '.1f')} are free again.")


def _confirmed(known: KnownModel, folder: Path, others: list[str]) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(
            f"There is no terminal to confirm on that {known.name} is to be removed.",
            hint=f"parakeet models remove {known.name} --yes",
        )
    too = f" (with it: {', '.join(others)})" if others else ""
    asked = f"Remove {known.repository}{too} from {folder.parent}? [y/N] "
    sys.stderr.write(console.shown_name(asked))
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _model_named(name: str, kind: str | None) -> KnownModel:
    if kind is not None and kind not in KINDS:
        raise UsageError(f"There is no kind '{kind}'.", hint=f"Choose one of: {', '.join(KINDS)}.")
    return inventory.model_named(name, kind)
