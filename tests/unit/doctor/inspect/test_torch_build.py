from __future__ import annotations

from pathlib import Path

from parakeet_cli.doctor.facts import TorchBuild, Unavailable
from parakeet_cli.doctor.inspect import torch_build
from parakeet_cli.doctor.inspect.scan_cache import ScanCache
from tests.doctor_facts import OnDisk, dist

VERSION_PY = """from typing import Optional
__version__ = '2.8.0+cu128'
debug = False
cuda: Optional[str] = '12.8'
hip: Optional[str] = None
raise RuntimeError("this is read, not run")
"""


def torch_of(env: OnDisk, version_py: str, library: bytes = b"") -> TorchBuild | Unavailable | None:
    env.install("torch", "2.8.0", files={
        "torch/version.py": version_py,
        "torch/lib/libtorch_python.so": library or b"\0sm_90 sm_120\0",
    })  # fmt: skip
    cache = ScanCache(str(env.prefix), env.prefix / "cache")
    return torch_build.read_torch_build((str(env.site),), dist("torch", "2.8.0"), cache)


def test_torchs_version_cuda_and_architectures_are_read(tmp_path: Path) -> None:
    build = torch_of(OnDisk.new(tmp_path / "e"), VERSION_PY)
    assert isinstance(build, TorchBuild)
    assert (build.version, build.cuda, build.hip) == ("2.8.0+cu128", "12.8", None)
    assert build.arch_list == ("sm_90", "sm_120")


def test_torch_is_unavailable_if_its_version_file_is_invalid(tmp_path: Path) -> None:
    assert isinstance(torch_of(OnDisk.new(tmp_path / "e"), "__version__ = ("), Unavailable)


def test_a_torch_without_files_is_identified_by_its_version_tag(tmp_path: Path) -> None:
    cache = ScanCache("/env", tmp_path)
    build = torch_build.read_torch_build((str(tmp_path),), dist("torch", "2.9.1+cu128"), cache)
    assert isinstance(build, TorchBuild)
    assert build.cuda == "12.8"
    assert torch_build.read_torch_build((str(tmp_path),), None, cache) is None
