from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.engines.nemo.stack_check import missing_from_stack
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
