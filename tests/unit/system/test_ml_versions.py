from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.system import ml_versions


def test_headings_and_requirements_are_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_text(
        "# how to use it\n--index-url URL\n# stage 2: the pins (requirements-ml)\n"
        "numpy<2  # why\n\n# more about it\nfsspec==2024.12.0\n"
    )
    assert list(ml_versions.read_requirements(path)) == [
        (3, 2, "the pins", ""),
        (4, 2, "the pins", "numpy<2"),
        (7, 2, "the pins", "fsspec==2024.12.0"),
    ]


@pytest.mark.parametrize("name", ["NeMo_Toolkit", "nemo.toolkit", "nemo-_.toolkit"])
def test_names_are_compared_as_pep_503_does(name: str) -> None:
    assert ml_versions.normalized_name(name) == "nemo-toolkit"


def test_every_stack_has_its_file() -> None:
    for name in ("requirements-torch.txt", "requirements-ml.txt", "requirements-ml-nemo3.txt"):
        assert any(
            line.requirement
            for line in ml_versions.read_requirements(ml_versions.requirements_file(name))
        )


def test_a_missing_file_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        ml_versions.requirements_file("requirements-none.txt")
