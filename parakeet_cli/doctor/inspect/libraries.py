"""Finds shared libraries as the loader would, without loading one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from parakeet_cli.doctor.facts import (
    Distribution,
    Interpreter,
    SharedLibraries,
    Unavailable,
    require,
)
from parakeet_cli.doctor.inspect.binaries import GLIBCXX
from parakeet_cli.system.regular_files import read_regular

SYSTEM_LIBRARIES = ("libportaudio.so.2", "libsndfile.so.1", "libstdc++.so.6")
# Libraries that torch bundles: another release in front of them on the path breaks torch.
SHADOWING = re.compile(
    r"lib(nvJitLink|cudnn|cublas|cudart|cusparse|cufft|nvrtc|nccl|stdc\+\+)\w*\.so"
)
DEFAULT_FOLDERS = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "lib64", "usr/lib64")

_LIBRARY_BYTES = 64 << 20  # libstdc++ has 2 MiB, 20 with its debugging information


def find_library(
    name: str, environment: Mapping[str, str], root: Path = Path("/")
) -> Iterator[str]:
    """Every file of that name the loader could load, in its order: LD_LIBRARY_PATH first."""
    seen: set[str] = set()
    for folder in _folders(environment.get("LD_LIBRARY_PATH", "")):
        if (folder / name).exists():
            seen.add(str(folder / name))
            yield str(folder / name)
    for path in [*_in_loader_cache(name, root), *(str(root / f / name) for f in DEFAULT_FOLDERS)]:
        if path not in seen and os.path.exists(path):  # noqa: PTH110 - hot
            seen.add(path)
            yield path


def shadowing_libraries(environment: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """For each folder of LD_LIBRARY_PATH, the libraries in it that load before torch's own."""
    found: dict[str, tuple[str, ...]] = {}
    for folder in _folders(environment.get("LD_LIBRARY_PATH", "")):
        try:
            names = sorted(name for name in os.listdir(folder) if SHADOWING.match(name))  # noqa: PTH208
        except OSError:
            names = []  # a folder that doesn't exist shadows nothing
        found[str(folder)] = tuple(names)
    return found


def read_libraries(
    interpreter: Interpreter,
    distributions: list[Distribution],
    needed: tuple[int, str] | Unavailable,
    environment: Mapping[str, str],
    root: Path = Path("/"),
) -> SharedLibraries:
    """The system libraries that the stack needs: PortAudio, libsndfile, libstdc++.

    `needed` is what `glibcxx_needed` returned. Raises FactUnavailable if that isn't known.
    """
    conda = Path(interpreter.prefix) / "lib" if interpreter.kind.startswith("conda") else None
    found: dict[str, str | None] = {}
    for name in SYSTEM_LIBRARIES:
        if conda and (conda / name).exists():
            found[name] = str(conda / name)  # conda's Python finds it by its RPATH
        else:
            found[name] = next(find_library(name, environment, root), None)
    needed_number, by = require(needed)
    system = found["libstdc++.so.6"]
    newest = _newest_glibcxx(system) if system else None
    soundfile = next((dist for dist in distributions if dist.name == "soundfile"), None)
    return SharedLibraries(
        found=found,
        libstdcxx_system=f"3.4.{newest}" if newest else None,
        libstdcxx_needed=f"3.4.{needed_number}" if needed_number else None,
        libstdcxx_needed_by=by,
        bundled_sndfile=(Path(soundfile.location) / "_soundfile_data").is_dir()
        if soundfile
        else None,
    )


def _folders(variable: str) -> list[Path]:
    return [Path(part) for part in variable.split(":") if part]


def _in_loader_cache(name: str, root: Path) -> list[str]:
    """Paths from ld.so.cache, whose strings are "libx.so.1\\0/usr/lib/libx.so.1\\0"."""
    try:
        data = read_regular(root / "etc/ld.so.cache")
    except OSError:
        return []
    pattern = re.compile(rb"\0(/[^\0]*/" + re.escape(name.encode()) + rb")\0")
    return [os.fsdecode(match[1]) for match in pattern.finditer(data)]


def _newest_glibcxx(path: str) -> int | None:
    try:
        data = read_regular(path, _LIBRARY_BYTES)
    except OSError:
        return None
    return max((int(match[1]) for match in GLIBCXX.finditer(data)), default=None)
