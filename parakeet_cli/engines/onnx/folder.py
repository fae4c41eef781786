"""Checks a folder with a Parakeet in ONNX: are its files complete, and may they be loaded?"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan.model import unreadable_folder
from parakeet_cli.models.scan.onnx_folder import names_problems
from parakeet_cli.models.scan.onnx_graph import NotOnnxError, graph_names
from parakeet_cli.models.scan.opened_folder import LeadsOutsideError, OpenedFolder
from parakeet_cli.system.regular_files import read_regular

# onnx-asr's names for the heads, and the graphs that each consists of.
GRAPHS: dict[str, tuple[str, ...]] = {
    "nemo-conformer-tdt": ("encoder-model", "decoder_joint-model"),
    "nemo-conformer-rnnt": ("encoder-model", "decoder_joint-model"),
    "nemo-conformer-ctc": ("model",),
}
_PRECISIONS = ("", "int8")  # full precision is preferred
_MELS = (80, 128)
_CONFIG, _VOCABULARY = "config.json", "vocab.txt"
_BLANK = "<blk>"
_LARGEST_TEXT = 1 << 22  # bytes of config.json or vocab.txt
_HINT = (
    "An ONNX model is a folder with config.json, vocab.txt and its graphs "
    "(encoder-model.onnx and decoder_joint-model.onnx, or model.onnx); docs/models.md has more."
)


@dataclass(frozen=True, slots=True)
class OnnxFolder:
    """A model's files. The keys of `graphs` are onnx-asr's names for them."""

    name: str
    path: Path
    kind: str  # a key of GRAPHS
    mels: int
    graphs: dict[str, Path]

    def files(self, place: Path) -> dict[str, Path]:
        """onnx-asr's names for the texts and graphs, where they are in a folder with them."""
        texts = {"config": place / _CONFIG, "vocab": place / _VOCABULARY}
        return texts | {key: place / path.name for key, path in self.graphs.items()}

    def check(self) -> None:
        """Raise EngineUnavailable unless `for_engine` would hand out every file."""
        with self.for_engine():
            pass

    @contextmanager
    def for_engine(self) -> Iterator[Path]:
        """A folder with the files that were checked, to be loaded within the block.

        Raises EngineUnavailable unless every file is readable and in this folder, and if one
        is changed meanwhile. A graph names the files with its weights: neither `..` nor a link
        may lead out of the folder. A graph can't contain code: ONNX Runtime refuses operators
        that it doesn't know, and no library with more of them is ever registered.
        """
        with OpenedFolder(self.path) as files, ExitStack() as arranged:
            try:
                for name in (_CONFIG, _VOCABULARY):
                    files.open(name)
                for path in self.graphs.values():
                    _open_graph(path, files)
                place = arranged.enter_context(files.for_engine())
            except LeadsOutsideError as error:
                raise EngineUnavailable(
                    f"{error.path} leads out of the model's folder, to {error.target}. "
                    "It was not loaded.",
                    hint="If you trust the file, copy it into the folder.",
                ) from None
            except OSError as error:
                raise unreadable_folder(self.path, error) from error
            if place != self.path:  # what was read before may have been exchanged since
                open_folder(place, self.name)
            yield place


def _open_graph(path: Path, files: OpenedFolder) -> None:
    """Open a graph and the files with its weights. Raises EngineUnavailable, OSError."""
    try:
        names = graph_names(files.open(path.name))
    except NotOnnxError as error:
        raise EngineUnavailable(
            f"{path} can't be loaded: {error}.", hint="Download it again, or export it again."
        ) from None
    for problem in names_problems(names, path):
        raise EngineUnavailable(
            f"{path} {problem}. It was not loaded.",
            hint="The weights of a large model are beside its graph: download the whole folder. "
            "Don't use a graph that takes weights from elsewhere.",
        )
    files.open_together(path.name, (str(PurePosixPath(name)) for name in names.files))


def open_folder(path: Path, name: str, precision: str | None = None) -> OnnxFolder:
    """The model in that folder, of that precision if one is given.

    Raises EngineUnavailable, which names the missing file.
    """
    config = _config(path)
    kind = config.get("model_type")
    if not isinstance(kind, str) or kind not in GRAPHS:
        raise EngineUnavailable(
            f"{path / 'config.json'} says that the model is of the type {kind!r}, which the "
            "engine onnx doesn't support.",
            hint=f"It supports {', '.join(GRAPHS)}.",
        )
    mels = _integer(config, "features_size", 80, path)
    if mels not in _MELS:
        raise EngineUnavailable(
            f"{path / 'config.json'} asks for {mels} mel bands (features_size).",
            hint=f"The engine onnx supports {' and '.join(map(str, _MELS))}.",
        )
    for number in ("subsampling_factor", "max_tokens_per_step"):
        _integer(config, number, 8, path)
    _check_vocabulary(path)
    keys = ("encoder", "decoder_joint") if len(GRAPHS[kind]) > 1 else ("model",)
    precisions = _PRECISIONS if precision is None else (precision,)
    graphs = {
        key: _graph(path, stem, precisions) for key, stem in zip(keys, GRAPHS[kind], strict=True)
    }
    return OnnxFolder(name, path, kind, mels, graphs)


def is_onnx_folder(path: Path) -> bool:
    """Whether a folder looks like a model of this engine, complete or not."""
    stems = {stem for stems in GRAPHS.values() for stem in stems}
    return any((path / _graph_name(stem, one)).is_file() for stem in stems for one in _PRECISIONS)


def _config(path: Path) -> dict[str, Any]:
    text = _text(path, _CONFIG)
    try:
        config = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise EngineUnavailable(
            f"{path / 'config.json'} is not JSON: {error}", hint=_HINT
        ) from None
    if not isinstance(config, dict):
        raise EngineUnavailable(f"{path / 'config.json'} must contain one JSON object.", hint=_HINT)
    return config


def _integer(config: dict[str, Any], key: str, default: int, path: Path) -> int:
    value = config.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 1024:
        raise EngineUnavailable(
            f"{path / 'config.json'}: '{key}' must be a whole number, not {value!r}."
        )
    return value


def _check_vocabulary(path: Path) -> None:
    """Raise EngineUnavailable unless each line is a piece and its id, with all ids and a blank."""
    pieces: dict[int, str] = {}
    for number, line in enumerate(_text(path, _VOCABULARY).split("\n"), 1):
        if not line:
            continue
        piece, space, digits = line.partition(" ")
        if not space or len(digits) > 6 or not digits.isascii() or not digits.isdigit():
            raise EngineUnavailable(
                f"{path / 'vocab.txt'}, line {number}: expected a piece, a space and its "
                f"number, not {line[:40]!r}."
            )
        pieces[int(digits)] = piece
    if sorted(pieces) != list(range(len(pieces))) or _BLANK not in pieces.values():
        raise EngineUnavailable(
            f"{path / 'vocab.txt'} is incomplete: its numbers must run from 0 without gaps, "
            f"and one must be for {_BLANK}."
        )


def _graph_name(stem: str, precision: str) -> str:
    return f"{stem}.{precision}.onnx" if precision else f"{stem}.onnx"


def _graph(path: Path, stem: str, precisions: tuple[str, ...]) -> Path:
    names = [_graph_name(stem, precision) for precision in precisions]
    for name in names:
        if (path / name).is_file():
            return path / name
    raise EngineUnavailable(
        f"The folder {path} isn't a complete model: it has no {' or '.join(names)}.", hint=_HINT
    )


def _text(path: Path, name: str) -> str:
    file = path / name
    if not file.is_file():
        raise EngineUnavailable(
            f"The folder {path} isn't an ONNX model: it has no {name}.", hint=_HINT
        )
    try:
        return read_regular(file, _LARGEST_TEXT).decode("utf-8")
    except UnicodeDecodeError as error:
        raise EngineUnavailable(f"{file} is not UTF-8: {error.reason}.") from None
    except OSError as error:
        raise _unreadable(file, error) from error


def _unreadable(path: Path, error: OSError) -> EngineUnavailable:
    return EngineUnavailable(f"{path} can't be read: {error.strerror or error}.")
