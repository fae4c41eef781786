"""A folder with a Parakeet in ONNX: which files it needs, and whether they may be loaded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan.onnx_graph import (
    NotOnnxError,
    external_files,
    leads_outside,
    weights_problem,
)

# onnx-asr's names for the heads, and the graphs that each is made of.
GRAPHS: dict[str, tuple[str, ...]] = {
    "nemo-conformer-tdt": ("encoder-model", "decoder_joint-model"),
    "nemo-conformer-rnnt": ("encoder-model", "decoder_joint-model"),
    "nemo-conformer-ctc": ("model",),
}
_PRECISIONS = ("", "int8")  # full precision where both are there
_MELS = (80, 128)
_BLANK = "<blk>"
_LARGEST_TEXT = 1 << 22  # bytes of config.json or vocab.txt
_HINT = (
    "An ONNX model is a folder with config.json, vocab.txt and its graphs "
    "(encoder-model.onnx and decoder_joint-model.onnx, or model.onnx); docs/models.md has more."
)


@dataclass(frozen=True, slots=True)
class OnnxFolder:
    """A model's files. `graphs` are by the names that onnx-asr has for them."""

    name: str
    path: Path
    kind: str  # a key of GRAPHS
    mels: int
    graphs: dict[str, Path]

    @property
    def texts(self) -> dict[str, Path]:
        return {"config": self.path / "config.json", "vocab": self.path / "vocab.txt"}

    def check(self) -> None:
        """Raise EngineUnavailable unless every file is whole and lies where it should.

        Weights beside a graph are named by the graph: neither `..` nor a link may lead to
        them from outside. A graph can bring no code: operators that ONNX Runtime doesn't
        know are refused by it, and no library of others is ever registered.
        """
        for path in (*self.texts.values(), *self.graphs.values()):
            if leads_outside(path, self.path):
                raise EngineUnavailable(
                    f"{path} leads out of the model's folder, to {path.resolve()}. "
                    "It was not loaded.",
                    hint="If you trust the file, copy it into the folder.",
                )
        for path in self.graphs.values():
            try:
                wrong = [weights_problem(name, path) for name in sorted(external_files(path))]
            except NotOnnxError as error:
                raise EngineUnavailable(
                    f"{path} can't be loaded: {error}.", hint="Fetch it again, or make it anew."
                ) from None
            except OSError as error:
                raise _unreadable(path, error) from error
            for problem in filter(None, wrong):
                raise EngineUnavailable(
                    f"{path} {problem}. It was not loaded.",
                    hint="The weights of a large model lie beside its graph: fetch the whole "
                    "folder. A graph that reaches for others is none to be used.",
                )


def open_folder(path: Path, name: str, precision: str | None = None) -> OnnxFolder:
    """The model in that folder, of that precision where one is given.

    Raises EngineUnavailable, naming what is missing.
    """
    config = _config(path)
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in GRAPHS:
        raise EngineUnavailable(
            f"{path / 'config.json'} says that the model is of the type {kind!r}, which the "
            "engine onnx does not hear with.",
            hint=f"It knows {', '.join(GRAPHS)}.",
        )
    mels = _whole(config, "features_size", 80, path)
    if mels not in _MELS:
        raise EngineUnavailable(
            f"{path / 'config.json'} wants {mels} mel bands (features_size).",
            hint=f"There are features of {' and of '.join(map(str, _MELS))}.",
        )
    for number in ("subsampling_factor", "max_tokens_per_step"):
        _whole(config, number, 8, path)
    _vocabulary(path)
    keys = ("encoder", "decoder_joint") if len(GRAPHS[kind]) > 1 else ("model",)
    precisions = _PRECISIONS if precision is None else (precision,)
    graphs = {
        key: _graph(path, stem, precisions) for key, stem in zip(keys, GRAPHS[kind], strict=True)
    }
    return OnnxFolder(name, path, kind, mels, graphs)


def is_onnx_folder(path: Path) -> bool:
    """Whether a folder looks like a model of this engine, whole or not."""
    stems = {stem for stems in GRAPHS.values() for stem in stems}
    return any((path / _file(stem, one)).is_file() for stem in stems for one in _PRECISIONS)


def _config(path: Path) -> dict[str, Any]:
    text = _text(path, "config.json")
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EngineUnavailable(
            f"{path / 'config.json'} is not JSON: {error}", hint=_HINT
        ) from None
    if not isinstance(config, dict):
        raise EngineUnavailable(f"{path / 'config.json'} must hold one JSON object.", hint=_HINT)
    return config


def _whole(config: dict[str, Any], key: str, default: int, path: Path) -> int:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1024:
        raise EngineUnavailable(
            f"{path / 'config.json'}: '{key}' must be a whole number, not {value!r}."
        )
    return value


def _vocabulary(path: Path) -> None:
    """Each line is a piece and its id; all ids from 0 on are there, and the blank."""
    pieces: dict[int, str] = {}
    for number, line in enumerate(_text(path, "vocab.txt").split("\n"), 1):
        if not line:
            continue
        piece, space, given = line.partition(" ")
        if not space or len(given) > 6 or not given.isascii() or not given.isdigit():
            raise EngineUnavailable(
                f"{path / 'vocab.txt'}, line {number}: there must be a piece, a space and "
                f"its number, not {line[:40]!r}."
            )
        pieces[int(given)] = piece
    if sorted(pieces) != list(range(len(pieces))) or _BLANK not in pieces.values():
        raise EngineUnavailable(
            f"{path / 'vocab.txt'} is incomplete: its numbers must run from 0, "
            f"and {_BLANK} be among them."
        )


def _file(stem: str, precision: str) -> str:
    return f"{stem}.{precision}.onnx" if precision else f"{stem}.onnx"


def _graph(path: Path, stem: str, precisions: tuple[str, ...]) -> Path:
    names = [_file(stem, precision) for precision in precisions]
    for name in names:
        if (path / name).is_file():
            return path / name
    raise EngineUnavailable(
        f"The folder {path} is no whole model: it has no {' or '.join(names)}.", hint=_HINT
    )


def _text(path: Path, name: str) -> str:
    file = path / name
    if not file.is_file():
        raise EngineUnavailable(f"The folder {path} holds no ONNX model: no {name}.", hint=_HINT)
    try:
        with file.open("rb") as stream:
            content = stream.read(_LARGEST_TEXT + 1)
        if len(content) > _LARGEST_TEXT:
            raise EngineUnavailable(f"{file} is far larger than it can be.")
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EngineUnavailable(f"{file} is not UTF-8: {error.reason}.") from None
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(path: Path, error: OSError) -> EngineUnavailable:
    return EngineUnavailable(f"{path} can't be read: {error.strerror or error}.")
