"""Checks whether a model can be loaded without running code that came with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.registry import KNOWN
from parakeet_cli.models.scan.archive import scan_nemo
from parakeet_cli.models.scan.onnx_folder import scan_onnx, scan_onnx_folder
from parakeet_cli.models.scan.weights import scan_checkpoint, scan_pickle
from parakeet_cli.models.types import Problem
from parakeet_cli.system.files import sha256_of

_PICKLES = frozenset([".pkl", ".pickle", ".joblib"])
_CHECKPOINTS = frozenset([".ckpt", ".pt", ".pth", ".bin"])
_LARGEST_PICKLE = 1 << 30
_SHOWN = 3


def scan_model(path: Path) -> tuple[Problem, ...]:
    """Every reason not to load a model, if there are any. Raises EngineUnavailable."""
    try:
        return tuple(_scan(path))
    except OSError as error:
        raise EngineUnavailable(
            f"The model {path} can't be read: {error.strerror or error}.",
            hint="Check the name; known models: parakeet models list",
        ) from error


def _scan(path: Path) -> Iterator[Problem]:
    suffix = path.suffix.lower()
    if path.is_dir():
        yield from scan_onnx_folder(path)
    elif not path.is_file():
        path.stat()  # raises OSError with the reason if there is nothing
        yield Problem(path.name, "is neither a file nor a folder")
    elif suffix == ".onnx":
        yield from scan_onnx(path)
    elif suffix in _PICKLES:
        yield from _scan_pickle_file(path)
    elif suffix in _CHECKPOINTS:
        with path.open("rb") as stream:
            yield from scan_checkpoint(stream, path.stat().st_size, path.name)
    elif suffix == ".safetensors":
        return  # the format holds numbers and their names, nothing else
    else:
        yield from scan_nemo(path)


def _scan_pickle_file(path: Path) -> Iterator[Problem]:
    if path.stat().st_size > _LARGEST_PICKLE:
        yield Problem(path.name, "is too large: a pickle is read as a whole")
        return
    yield from scan_pickle(path.read_bytes(), path.name)


def refuse_hostile(path: Path) -> None:
    """Raise EngineUnavailable, with the reasons, unless the model can be loaded safely."""
    problems = scan_model(path)
    if not problems or _is_pinned(path):
        return
    shown = "; ".join(str(problem) for problem in problems[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    raise EngineUnavailable(
        f"The model {path} was not loaded, because it could run code of its own: {shown}{more}.",
        hint=f"To see every problem: parakeet models scan {path}. If you made the model "
        "yourself or trust its author: --trust-model.",
    )


def _is_pinned(path: Path) -> bool:
    """Whether it is, byte for byte, a published model whose checksum is in this program."""
    sums = {row.sha256[path.name] for row in KNOWN if path.name in row.sha256}
    return bool(sums) and path.is_file() and sha256_of(path) in sums
