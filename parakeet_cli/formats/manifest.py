"""NeMo manifests, one JSON object a line: read as lists of inputs, written as results, merged."""

from __future__ import annotations

import json
import math
import os
import reprlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parakeet_cli.errors import InputError, UsageError
from parakeet_cli.formats import row_values
from parakeet_cli.formats.json import dumps, escaped, number
from parakeet_cli.system.regular_files import open_regular, read_regular
from parakeet_cli.transcript import FileResult, Status

PATH_KEY = "audio_filepath"
STREAM_KEY = "audio_stream"
PREFERENCES = ("first", "last")
# The statuses of a result from best to worst; a row without one lists an input.
_RANKS = {"ok": 0, None: 1, "partial": 2, "skipped": 3, "failed": 4}

_LONGEST = 64 << 20  # characters of a line: a transcript of ten hours with its words has 20 MB
_MOST = 1 << 30  # bytes of a manifest that a run has written


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One input of a manifest: `duration` seconds of `path`, from `offset` seconds on.

    Without a duration it goes to the end. Without an offset it is the whole file, and the
    duration only says how long that is, often rounded. `line` is the row's number, from 1.
    """

    path: Path
    duration: float | None
    offset: float | None
    line: int
    written: str = field(default="", compare=False)  # the path as it is in the row


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that can't be used, and why. `written` is the path in it, empty if it has none."""

    line: int
    error: InputError
    written: str = ""


@dataclass(frozen=True, slots=True)
class MergedManifest:
    """The lines, each with its newline; how many were duplicates, and how many lost to another."""

    lines: tuple[str, ...]
    repeated: int
    replaced: int


def manifest_line(
    result: FileResult,
    *,
    offset: float = 0.0,
    duration: float | None = None,
    audio_stream: int | None = None,
) -> str:
    """One input's result as a line for NeMo's tools, with its newline.

    `offset` and `duration` are those of the part, if the input is a part of a file, and
    `audio_stream` is the stream's number, if it is one of several inputs for a file. Without
    a transcript `pred_text` is empty and `duration` is null; `status` says why. A file that failed
    may have `outputs` that were written before that.
    """
    transcript, failed = result.transcript, result.status is Status.FAILED
    whole = transcript.source.duration if transcript else None
    row = {
        PATH_KEY: result.source,
        **({"offset": number(offset)} if offset else {}),
        **({} if audio_stream is None else {STREAM_KEY: audio_stream}),
        "duration": number(duration if duration is not None else whole),
        "pred_text": transcript.text if transcript else "",
        "status": str(result.status),
        **({"outputs": list(result.outputs)} if failed and result.outputs else {}),
    }
    return f"{dumps(row)}\n"


# The path, the offset and the audio stream of an input.
InputName = tuple[str, float, int | None]


def _name_in(row: dict[str, Any]) -> InputName:
    """Raises ValueError if a value in it is of a wrong type."""
    path, offset, stream = row.get(PATH_KEY), row.get("offset"), row.get(STREAM_KEY)
    if not isinstance(path, str):
        raise ValueError(f"it has no {PATH_KEY!r}")
    if offset is not None and not row_values.is_length(offset):
        raise ValueError("'offset' must be a number of seconds")
    if stream is not None and not row_values.is_count(stream):
        raise ValueError(f"{STREAM_KEY!r} must be a number")
    return path, float(offset or 0.0), stream


def earlier_lines(path: Path) -> dict[InputName, str]:
    """The lines of a manifest that was written before, by their input; empty without a file.

    A run that resumes writes them again for the inputs that it skips. Lines that aren't a
    manifest's are left out.
    """
    try:
        text = read_regular(path, _MOST).decode("utf-8", "surrogateescape")
    except OSError:
        return {}
    lines = {}
    for line in text.splitlines():
        with suppress(ValueError, RecursionError):
            row = json.loads(line)
            if isinstance(row, dict):
                lines[_name_in(row)] = f"{line}\n"
    return lines


def read_manifest(path: Path) -> Iterator[ManifestRow | BadRow]:
    """Its rows in order; a relative `audio_filepath` starts at the manifest's own folder.

    A line that can't be used is a `BadRow`, and the others are read all the same. Raises
    InputError if the file itself can't be read.
    """
    for line, text in _lines(path):
        written = ""
        try:
            row = _object(path, line, text)
            written = _written_path(path, line, row)
            yield ManifestRow(
                path=path.parent / Path(written).expanduser(),
                duration=_seconds(path, line, row, "duration"),
                offset=_seconds(path, line, row, "offset"),
                line=line,
                written=written,
            )
        except InputError as error:
            yield BadRow(line, error, written)


def _written_path(path: Path, line: int, row: dict[str, Any]) -> str:
    audio = row.get(PATH_KEY)
    if isinstance(audio, str) and audio.strip() and "\0" not in audio:
        with suppress(ValueError):  # a surrogate that stands for no byte
            os.fsencode(audio)
            return audio
    raise _bad_row(path, line, f"{PATH_KEY!r} must be the path of a file")


def merge(manifests: Sequence[Path], prefer: str | None = None) -> MergedManifest:
    """One line an input (a path, and the offset of a part or a stream), in order of appearance.

    Equal lines become one. Of two lines that differ the better status wins, so that a
    retry's success replaces the failure. Two different lines with the same status are
    refused (UsageError), unless `prefer` says which of them to take.
    """
    best: dict[InputName, tuple[dict[str, Any], Path]] = {}
    repeated = replaced = 0
    for path in manifests:
        for line, text in _lines(path):
            row = _object(path, line, text)
            try:
                name = _name_in(row)
            except ValueError as error:
                raise _bad_row(path, line, str(error)) from error
            known = best.get(name)
            if known is None:
                best[name] = (row, path)
            elif row == known[0]:
                repeated += 1
            else:
                replaced += 1
                if _wins(row, known[0], prefer, f"{name[0]} is in {known[1]} and in {path}"):
                    best[name] = (row, path)
    lines = tuple(f"{escaped(json.dumps(row, ensure_ascii=False))}\n" for row, _ in best.values())
    return MergedManifest(lines, repeated, replaced)


def _wins(row: dict[str, Any], known: dict[str, Any], prefer: str | None, where: str) -> bool:
    new, old = map(_rank, (row, known))
    if new == old and prefer is None:
        raise UsageError(
            f"{where}, with different results.",
            hint="--prefer first or --prefer last says which of them to take.",
        )
    return new < old or (new == old and prefer == "last")


def _rank(row: dict[str, Any]) -> int:
    status = row.get("status")
    return _RANKS.get(status, 1) if status is None or isinstance(status, str) else 1


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The number of each line that isn't blank, from 1, and its text. Raises InputError."""
    try:
        # Names that are not UTF-8 come through as the surrogates that os.fsencode undoes.
        with open(open_regular(path), encoding="utf-8-sig", errors="surrogateescape") as file:
            for line, text in enumerate(iter(lambda: file.readline(_LONGEST), ""), 1):
                if len(text) == _LONGEST:
                    raise _bad_row(path, line, f"it is longer than {_LONGEST >> 20} MiB")
                if text.strip():
                    yield line, text
    except OSError as error:
        raise InputError(f"The manifest {path} can't be read: {error.strerror}.") from error


def _object(path: Path, line: int, text: str) -> dict[str, Any]:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise _bad_row(path, line, f"it is not JSON ({error})") from error
    except RecursionError as error:
        raise _bad_row(path, line, "it is nested too deeply for JSON") from error
    if not isinstance(row, dict):
        raise _bad_row(path, line, "it is not a JSON object")
    return row


def _seconds(path: Path, line: int, row: dict[str, Any], key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):  # JSON's integers have no limit
            if 0 <= float(value) < math.inf:
                return float(value)
    shown = reprlib.repr(value)
    raise _bad_row(path, line, f"{key!r} must be a number of seconds from 0, not {shown}")


def _bad_row(path: Path, line: int, why: str) -> InputError:
    return InputError(
        f"{path}, line {line}: {why}.",
        hint='A row looks like {"audio_filepath": "clip.wav", "duration": 3.2}.',
    )
