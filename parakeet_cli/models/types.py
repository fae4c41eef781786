"""The values that the modules of this package pass to each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

NEMO, ONNX, WHISPER = "nemo", "onnx", "whisper"
SPEAKERS = "speakers"  # a .nemo that says who speaks, for --speakers-model
KINDS = (NEMO, ONNX, WHISPER, SPEAKERS)
NEMO_FILES = (NEMO, SPEAKERS)  # the kinds that are a .nemo each


def option_of(kind: str) -> str:
    """The option of `parakeet transcribe` that takes a model of that kind."""
    return "--speakers-model" if kind == SPEAKERS else "--model"


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A published model: where it is, which files it has, and their checksums.

    `files` holds names or patterns in the repository; those in `optional` may be missing.
    `revision` and the `sha256` of its files are set where public sources agree on them. For
    other models `pull` records what the hub declares.
    """

    name: str
    kind: str  # one of KINDS
    repository: str
    files: tuple[str, ...]
    aliases: tuple[str, ...] = ()  # other names of it, for engines of its kind
    optional: tuple[str, ...] = ()
    size: int | None = None  # bytes, rounded where a source gives three digits; None if none does
    licence: str | None = None
    languages: str | None = None
    revision: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)
    quantization: str | None = None  # onnx: what precedes .onnx in the file names, int8
    oldest_nemo: str | None = None  # nemo: the first release that can load it; None is any


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model on this machine."""

    path: Path  # of the .nemo, or of the folder with an ONNX or Whisper model
    name: str  # for people: a known name, a hub id or a file's name
    kind: str
    revision: str | None = None  # of the hub's repository; None for a path
    quantization: str | None = None  # onnx: onnx-asr's name for the precision


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason not to load a model: where in it, and what is wrong, in plain words.

    A problem is `harmless` if the model can't run code by it, but parakeet doesn't run such models.
    """

    where: str
    what: str
    harmless: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"
