"""Fake wheels, environments and nvidia-smi scripts: real files, made in milliseconds.

A wheel here has the metadata of the real distribution and a few files with what the doctor
reads: a version file, a library with the real strings, a section of GPU code.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from packaging.utils import canonicalize_name

RECORDED = Path(__file__).parent / "recorded"
SO = ".cpython-311-x86_64-linux-gnu.so"


@dataclass(frozen=True, slots=True)
class Wheel:
    """The metadata and files of one distribution; without files, an empty package."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    extras: tuple[str, ...] = ()

    def build(self, folder: Path) -> Path:
        """Write the wheel into the folder; its path."""
        stem = f"{self.name.replace('-', '_').replace('.', '_')}-{self.version}"
        info = f"{stem}.dist-info"
        contents = dict(self.files) or {f"{module(self.name)}/__init__.py": CANARY}
        contents[f"{info}/METADATA"] = "\n".join(
            [
                "Metadata-Version: 2.1",
                f"Name: {self.name}",
                f"Version: {self.version}",
                *(f"Provides-Extra: {extra}" for extra in self.extras),
                *(f"Requires-Dist: {requirement}" for requirement in self.requires),
                "",
                "",
            ]
        )
        contents[f"{info}/WHEEL"] = (
            "Wheel-Version: 1.0\nGenerator: fake_stack\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        record = "".join(
            f"{path},sha256={digest(data)},{len(as_bytes(data))}\n"
            for path, data in contents.items()
        )
        contents[f"{info}/RECORD"] = record + f"{info}/RECORD,,\n"
        path = folder / f"{stem}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, data in contents.items():
                archive.writestr(name, as_bytes(data))
        return path


# The code of every package: importing it creates a file.
CANARY = "import pathlib\npathlib.Path(__file__).with_name('IMPORTED').touch()\n"


def module(name: str) -> str:
    """The folder of a package."""
    return name.replace("-", "_").replace(".", "_").lower()


def as_bytes(data: bytes | str) -> bytes:
    return data.encode() if isinstance(data, str) else data


def digest(data: bytes | str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(as_bytes(data)).digest()).rstrip(b"=").decode()


# Compiled files


def numpy2_extension(oldest: str = "1.23") -> bytes:
    """A module built with NumPy 2 headers: it names the oldest NumPy it runs on."""
    return (
        b"\x7fELF"
        + bytes(60)
        + (
            b"module was compiled against NumPy C-API version 0x%x (NumPy "
            + oldest.encode()
            + b") "
            b"but the running NumPy has C-API version 0x%x.\0numpy._core._multiarray_umath\0"
        )
    )


def numpy1_extension() -> bytes:
    """A module built with NumPy 1 headers: it fails on NumPy 2."""
    return (
        b"\x7fELF"
        + bytes(60)
        + (
            b"module compiled against API version 0x%x but this version of numpy is 0x%x\0"
            b"numpy.core._multiarray_umath\0numpy.core.multiarray failed to import\0"
        )
    )


def gpu_library(*archs: int) -> bytes:
    """An ELF file with a cubin for each architecture (86, 120) in its .nv_fatbin."""
    entries = b"".join(
        struct.pack("<HHIQ", 2, 0x101, 64, 0) + bytes(12) + struct.pack("<I", arch) + bytes(32)
        for arch in archs
    )
    fatbin = struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(entries)) + entries
    names = b"\0.nv_fatbin\0.shstrtab\0"
    header_size, section_size = 64, 64
    fat_at = header_size
    names_at = fat_at + len(fatbin)
    table_at = names_at + len(names)

    def section(name_at: int, offset: int, size: int) -> bytes:
        return struct.pack("<IIQQQQIIQQ", name_at, 1, 0, 0, offset, size, 0, 0, 1, 0)

    header = b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 3, 62, 1, 0, 0, table_at, 0, header_size, 0, 0, section_size, 3, 2
    )
    sections = (
        bytes(section_size) + section(1, fat_at, len(fatbin)) + section(12, names_at, len(names))
    )
    return header + fatbin + names + sections


def torch(version: str, cuda: str | None, archs: str = "") -> Wheel:
    """A torch build with this version, CUDA and arch list ("sm_75 sm_80 ...")."""
    body = f"cuda: 'str | None' = {cuda!r}\nhip: 'str | None' = None\n"
    library = b"\x7fELF" + bytes(60) + b"torch::cuda\0" + archs.encode() + b"\0PyInit__C\0"
    return Wheel(
        "torch",
        version,
        ("filelock", "typing-extensions>=4.10.0", "sympy>=1.13.3", "networkx", "jinja2", "fsspec"),
        {
            "torch/__init__.py": CANARY,
            "torch/version.py": f"__version__ = {version!r}\ndebug = False\n{body}",
            "torch/lib/libtorch_python.so": library,
            "torch/_C" + SO: numpy2_extension("1.20"),
        },
    )


# Recorded arch lists, from each build's own TORCH_CUDA_ARCH_FLAGS.
CU126 = "sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90"
CU128_27 = "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120 compute_120"
CU128_28 = "sm_70 sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"
CU130 = "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120"

# The files of real packages that the doctor reads.
FILES: dict[str, dict[str, bytes | str]] = {
    "numpy": {
        "numpy/__init__.py": CANARY,
        "numpy/_core/_multiarray_umath" + SO: b"\x7fELF" + bytes(60),
    },
    "scipy": {
        "scipy/__init__.py": CANARY,
        "scipy/_lib/_ccallback_c" + SO: numpy2_extension("1.23"),
    },
    "numba": {"numba/__init__.py": CANARY, "numba/_dynfunc" + SO: numpy2_extension("1.16")},
    "pyarrow": {"pyarrow/__init__.py": CANARY, "pyarrow/lib" + SO: numpy2_extension("1.23")},
    "setuptools": {"setuptools/__init__.py": CANARY, "pkg_resources/__init__.py": CANARY},
    "soundfile": {"soundfile.py": CANARY, "_soundfile_data/libsndfile_x86_64.so": b"\x7fELF"},
    "nemo-toolkit": {
        "nemo/__init__.py": CANARY,
        "nemo/collections/asr/__init__.py": CANARY,
    },
}


def verified() -> dict[str, Wheel]:
    """Every distribution of the verified environment, with its real metadata."""
    recorded = json.loads((RECORDED / "verified.json").read_text())
    wheels: dict[str, Wheel] = {
        canonicalize_name(name): Wheel(
            name,
            entry["version"],
            tuple(entry["requires"]),
            FILES.get(canonicalize_name(name), {}),
            tuple(entry.get("extras", ())),
        )
        for name, entry in recorded.items()
    }
    wheels["torch"] = torch("2.13.0+cpu", None)
    return wheels


# Environments


@dataclass(frozen=True, slots=True)
class Environment:
    """A virtual environment on disk."""

    prefix: Path

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / "python"

    @property
    def site(self) -> Path:
        return next((self.prefix / "lib").glob("python3*/site-packages"))

    @classmethod
    def new(cls, prefix: Path) -> Environment:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(prefix)], check=True)
        return cls(prefix)

    def copy(self, prefix: Path) -> Environment:
        """A copy in another folder; no file contains the folder's path."""
        shutil.copytree(self.prefix, prefix, symlinks=True)
        return Environment(prefix)

    def linked(self, prefix: Path) -> Environment:
        """A copy by hard links, without the snapshots of its repairs.

        pip replaces files and never writes into one, so the original stays unchanged.
        """
        leave = shutil.ignore_patterns(".parakeet")
        shutil.copytree(self.prefix, prefix, symlinks=True, copy_function=os.link, ignore=leave)
        return Environment(prefix)

    def install(self, wheels: Iterable[Wheel], folder: Path) -> None:
        """Have pip install the wheels from a local folder, over what is installed."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [str(wheel.build(folder)) for wheel in wheels]
        flags = ("--no-deps", "--no-index", "--no-compile", "--force-reinstall")
        pip(self, "install", *flags, *paths)

    def imported(self) -> list[str]:
        """The packages whose code was executed."""
        return [str(mark.parent.relative_to(self.site)) for mark in self.site.rglob("IMPORTED")]

    def uninstall(self, *names: str) -> None:
        pip(self, "uninstall", "--yes", *names)


def pip(environment: Environment, *arguments: str) -> None:
    """Run this test run's pip in that environment, as `pip --python` does."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("PIP_")}
    variables |= {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    runner = Path(import_module("pip").__path__[0]) / "__pip-runner__.py"
    command = [str(environment.python), "-B", str(runner), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# GPUs


def nvidia_smi(folder: Path, listing: str, cuda: str = "", status: int = 0) -> Path:
    """Write an nvidia-smi into the folder, for PATH. `listing` is the output of the query.

    It uses only shell built-ins, so nothing else has to be on PATH.
    """
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "nvidia-smi"
    overview = listing if status else f"| Driver Version: 0.0     CUDA Version: {cuda} |"
    script.write_text(
        f"#!/bin/sh\nif [ $# -gt 0 ]; then printf '%s\\n' '{listing}'\n"
        f"else printf '%s\\n' '{overview}'\nfi\nexit {status}\n"
    )
    script.chmod(0o755)
    return folder


GPUS = {
    "RTX 5090": ("NVIDIA GeForce RTX 5090", "12.0", "32607 MiB"),
    "RTX 4090": ("NVIDIA GeForce RTX 4090", "8.9", "24564 MiB"),
    "H100": ("NVIDIA H100 80GB HBM3", "9.0", "81559 MiB"),
    "GTX 1080": ("NVIDIA GeForce GTX 1080", "6.1", "8192 MiB"),
}


def gpu_line(gpu: str, driver: str) -> str:
    """The output of the doctor's query for a card with a driver."""
    name, capability, memory = GPUS[gpu]
    return f"{name}, {capability}, {driver}, {memory}"
