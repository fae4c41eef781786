"""Whether a model's files can be loaded without running code that came with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.checksums import sha256_of
from parakeet_cli.models.registry import KNOWN
from parakeet_cli.models.scan.archive import scan_nemo
from parakeet_cli.models.scan.onnx_folder import scan_onnx, scan_onnx_folder
from parakeet_cli.models.scan.weights import scan_checkpoint, scan_pickle
from parakeet_cli.models.types import Problem

_PICKLES = frozenset([".pkl", ".pickle", ".joblib"])
_CHECKPOINTS = frozenset([".ckpt", ".pt", ".pth", ".bin"])
_LARGEST_PICKLE = 1 << 30
_SHOWN = 3


def scan(path: Path) -> tuple[Problem, ...]:
    """Every reason not to load a model; empty where there is none. Raises EngineUnavailable."""
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
        path.stat()  # the reason why, as an OSError
        yield Problem(path.name, "is neither a file nor a folder")
    elif suffix == ".onnx":
        yield from scan_onnx(path)
    elif suffix in _PICKLES:
        yield from _scan_pickle_file(path)
    elif suffix in _CHECKPOINTS:
        with path.open("rb") as stream:
            yield from scan_checkpoint(stream, path.stat().st_size, path.name)
    elif suffix == ".safetensors":
        return  # numbers and their names: the format holds nothing else
    else:
        yield from scan_nemo(path)


def _scan_pickle_file(path: Path) -> Iterator[Problem]:
    if path.stat().st_size > _LARGEST_PICKLE:
        yield Problem(path.name, "is too large for a pickle that is read whole")
        return
    yield from scan_pickle(path.read_bytes(), path.name)


def refuse_hostile(path: Path) -> None:
    """Raise EngineUnavailable, saying why, unless the model can be loaded safely."""
    problems = scan(path)
    if not problems or _is_pinned(path):
        return
    shown = "; ".join(str(problem) for problem in problems[:_SHOWN])
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    raise EngineUnavailable(
        f"The model {path} was not loaded, because it could run code of its own: {shown}{more}.",
        hint=f"Everything that was found: parakeet models scan {path}. If you made it "
        "yourself or trust who did: --trust-model.",
    )


def _is_pinned(path: Path) -> bool:
    """Whether it is, byte for byte, a published model whose sum stands in this program."""
    sums = {row.sha256[path.name] for row in KNOWN if path.name in row.sha256}
    return bool(sums) and path.is_file() and sha256_of(path) in sums
