"""NeMo manifests: one JSON object a line, read as a list of inputs and written as results."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from parakeet_cli.errors import InputError
from parakeet_cli.formats.json import dumps, number
from parakeet_cli.transcript import FileResult

SUFFIXES = frozenset({".jsonl", ".json"})
PATH_KEY = "audio_filepath"
FIRST_LINE_AT_MOST = 64 * 1024  # bytes looked at to tell a manifest from other JSON


@dataclass(frozen=True, slots=True)
class ManifestRow:
    """One input of a manifest: `duration` seconds of `path`, from `offset` seconds on.

    Without a duration it goes to the end; without an offset it is the whole file, and
    the duration only says how long that is, often rounded. `line` is where the row stands, from 1.
    """

    path: Path
    duration: float | None
    offset: float | None
    line: int
    written: str = field(default="", compare=False)  # the path as the row has it


def manifest_line(result: FileResult, *, offset: float = 0.0, duration: float | None = None) -> str:
    """One input's outcome as a line for NeMo's tools, its newline included.

    `offset` and `duration` are the part's, where the input is a part of a file. What gave
    no transcript has an empty `pred_text` and a null `duration`; its
    `status` says why.
    """
    transcript = result.transcript
    whole = transcript.source.duration if transcript else None
    row = {
        PATH_KEY: result.source,
        **({"offset": number(offset)} if offset else {}),
        "duration": number(duration if duration is not None else whole),
        "pred_text": transcript.text if transcript else "",
        "status": str(result.status),
    }
    return f"{dumps(row)}\n"


def earlier_lines(path: Path) -> dict[str, str]:
    """The lines of a manifest that is there already, by the input they are about.

    For a run that goes on: what it skips keeps its line. What is no line of a manifest is
    left out, and without a file there are none.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return {}
    lines = {}
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get(PATH_KEY), str):
            lines[row[PATH_KEY]] = f"{line}\n"
    return lines


def is_manifest(path: Path) -> bool:
    """Whether the first line of a `.jsonl` or `.json` file names an `audio_filepath`."""
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            first = file.read(FIRST_LINE_AT_MOST).lstrip(b"\xef\xbb\xbf \t\r\n").split(b"\n")[0]
        row = json.loads(first)
    except (OSError, ValueError):
        return False  # it can't be read as one; whoever opens it as media says why
    return isinstance(row, dict) and PATH_KEY in row


def read_manifest(path: Path) -> Iterator[ManifestRow]:
    """Its rows in order; a relative `audio_filepath` starts at the manifest's own folder.

    Raises InputError, with the file and the line, at the first row that means nothing.
    """
    try:
        # Names that are not UTF-8 come through as the surrogates that os.fsencode undoes.
        with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
            for line, text in enumerate(file, 1):
                if text.strip():
                    yield _row(path, line, text)
    except OSError as error:
        raise InputError(f"The manifest {path} can't be read: {error.strerror}.") from error


def _row(manifest: Path, line: int, text: str) -> ManifestRow:
    try:
        row = json.loads(text)
    except ValueError as error:
        raise _bad(manifest, line, f"it is not JSON ({error})") from error
    if not isinstance(row, dict):
        raise _bad(manifest, line, "it is not a JSON object")
    audio = row.get(PATH_KEY)
    if not isinstance(audio, str) or not audio.strip() or "\0" in audio:
        raise _bad(manifest, line, f"{PATH_KEY!r} must be the path of a file")
    return ManifestRow(
        path=manifest.parent / Path(audio).expanduser(),
        duration=_seconds(manifest, line, row, "duration"),
        offset=_seconds(manifest, line, row, "offset"),
        line=line,
        written=audio,
    )


def _seconds(manifest: Path, line: int, row: dict[str, object], key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
        if math.isfinite(seconds) and seconds >= 0:
            return seconds
    raise _bad(manifest, line, f"{key!r} must be a number of seconds, not {value!r}")


def _bad(manifest: Path, line: int, why: str) -> InputError:
    return InputError(
        f"{manifest}, line {line}: {why}.",
        hint='A row looks like {"audio_filepath": "clip.wav", "duration": 3.2}.',
    )
