"""Reads torch's version, CUDA and architectures from its files. Nothing is imported."""

from __future__ import annotations

import ast
from pathlib import Path

from parakeet_cli.doctor.facts import Distribution, TorchBuild, Unavailable
from parakeet_cli.doctor.inspect.binaries import scan
from parakeet_cli.doctor.inspect.scan_cache import ScanCache
from parakeet_cli.system.regular_files import read_regular


def read_torch_build(
    paths: tuple[str, ...], dist: Distribution | None, cache: ScanCache
) -> TorchBuild | Unavailable | None:
    """The torch that an import would find, or None if torch isn't installed."""
    folder = next((f"{p}/torch" for p in paths if Path(f"{p}/torch/version.py").is_file()), None)
    if folder is None:
        return _from_metadata(dist)
    try:
        values = _assignments(Path(folder) / "version.py")
    except (OSError, SyntaxError, ValueError) as error:
        return Unavailable(f"{folder}/version.py can't be read: {error}")
    version = values.get("__version__") or (dist.version if dist else None)
    if version is None:
        return Unavailable(f"{folder}/version.py contains no version")
    library = f"{folder}/lib/libtorch_python.so"
    try:
        found = cache.get(library, scan).get("arch", [])
    except FileNotFoundError:
        found = []
    except OSError as error:
        return Unavailable(f"{library} can't be read: {error.strerror or error}")
    archs = tuple(str(flag) for flag in found) if isinstance(found, list) else ()
    return TorchBuild(version, values.get("cuda"), archs, folder, values.get("hip"))


def _from_metadata(dist: Distribution | None) -> TorchBuild | None:
    """A torch without version.py: the local tag of its version (+cu128) still names the build."""
    if dist is None or dist.version is None:
        return None
    tag = dist.version.partition("+")[2]
    digits = tag.removeprefix("cu")
    cuda = f"{digits[:-1]}.{digits[-1]}" if tag.startswith("cu") and digits.isdigit() else None
    return TorchBuild(dist.version, cuda, (), dist.location + "/torch")


def _assignments(path: Path) -> dict[str, str]:
    """The values of the module's `NAME = "text"` and `NAME: type = "text"` lines."""
    values: dict[str, str] = {}
    for node in ast.parse(read_regular(path)).body:
        if isinstance(node, ast.AnnAssign):
            targets: list[ast.expr] = [node.target]
        elif isinstance(node, ast.Assign):
            targets = list(node.targets)
        else:
            continue
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            for target in targets:
                if isinstance(target, ast.Name):
                    values[target.id] = node.value.value
    return values
