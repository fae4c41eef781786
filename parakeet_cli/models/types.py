"""What the parts of this package hand around."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NEMO, ONNX, WHISPER = "nemo", "onnx", "whisper"
KINDS = (NEMO, ONNX, WHISPER)


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A published model: where it is, which files, and what they must be.

    `files` holds names or patterns in the repository; what is in `optional` may be missing.
    `sha256` is what the files of `revision` must be. Both are empty where no public source
    of them was found: then `pull` records what the hub said.
    """

    name: str
    kind: str  # nemo, onnx or whisper
    repository: str
    files: tuple[str, ...]
    aliases: tuple[str, ...] = ()  # other names that mean it, for its kind
    optional: tuple[str, ...] = ()
    size: int | None = None  # bytes; None where no source gives it
    licence: str | None = None
    languages: str | None = None
    revision: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)
    quantization: str | None = None  # onnx: what stands before .onnx, int8


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine."""

    path: Path  # of the .nemo, or of the folder with an ONNX or Whisper model
    name: str  # as people know it: a known name, a hub id or a file's name
    kind: str
    revision: str | None = None  # of the hub's repository; None for a path
    quantization: str | None = None  # onnx: what onnx-asr calls so


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason not to load a model: where in it, and what is wrong, in plain words."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"
