from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.engines.nemo.stack_check import missing_from_stack, torch_without_cuda
from tests.unit.engines.test_auto import STACK, stack


@pytest.mark.parametrize("requirements", STACK)
def test_nothing_is_missing_from_a_whole_stack(tmp_path: Path, requirements: str) -> None:
    assert missing_from_stack(stack(tmp_path / "env", requirements)) is None


def test_without_packages_or_nemo_the_reason_says_so(tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    assert missing_from_stack(str(python)) == "the ML interpreter's packages can't be found"
    (tmp_path / "env/lib/python3.11/site-packages/torch-2.13.0.dist-info").mkdir(parents=True)
    assert missing_from_stack(str(python)) == "nemo-toolkit is not installed"


@pytest.mark.parametrize(
    ("name", "version"),
    [("numpy", "2.4.6"), ("torch", ""), ("nemo-toolkit", ""), ("lightning", ""), ("pyarrow", "26")],
)
def test_one_missing_or_wrong_package_is_named(tmp_path: Path, name: str, version: str) -> None:
    python = stack(tmp_path / "env", **{name: version})
    site = tmp_path / "env/lib/python3.11/site-packages"
    if version:
        others = site.glob(f"{name.replace('-', '_')}-*.dist-info")
        for other in others:
            if other.name != f"{name}-{version}.dist-info":
                other.rmdir()
    reason = missing_from_stack(python)
    assert reason is not None
    assert name in reason


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("cuda: Optional[str] = None", "torch 2.13.0+cpu"),
        ("cuda = None", "torch 2.13.0+cpu"),
        ("cuda: Optional[str] = '12.8'", None),
        ("", None),
    ],
)
def test_a_torch_without_cuda_is_told_by_its_own_file(
    tmp_path: Path, line: str, found: str | None
) -> None:
    python = str(tmp_path / "env/bin/python")
    assert torch_without_cuda(python) is None
    folder = tmp_path / "env/lib/python3.11/site-packages/torch"
    folder.mkdir(parents=True)
    (folder / "version.py").write_text(f"__version__ = '2.13.0+cpu'\ndebug = False\n{line}\n")
    assert torch_without_cuda(python) == found
