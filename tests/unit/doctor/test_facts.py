from __future__ import annotations

from dataclasses import replace

import pytest
from packaging.version import Version

from parakeet_cli.doctor.facts import FactUnavailable, NumpyAbi, Unavailable, require
from parakeet_cli.doctor.uv_command import ENSUREPIP, UV
from tests.doctor_facts import dist, healthy


def test_a_missing_fact_is_an_error_with_its_reason() -> None:
    assert require("there") == "there"
    with pytest.raises(FactUnavailable, match="nvidia-smi crashed"):
        require(Unavailable("nvidia-smi crashed"))


@pytest.mark.parametrize(
    ("minimum", "version", "fits"),
    [
        (None, "1.26.4", True),  # built with NumPy 1 headers
        (None, "2.0.0", False),
        ("1.22", "1.26.4", True),
        ("1.22", "2.4.0", True),
        ("2.1", "2.0.2", False),
    ],
)
def test_a_compiled_file_fits_some_versions_of_numpy(
    minimum: str | None, version: str, fits: bool
) -> None:
    assert NumpyAbi("a.so", "a", minimum).fits(Version(version)) is fits


def test_only_missing_code_can_make_an_import_fail() -> None:
    missing = ("a/__init__.py", "a/x.so", "a/libx.so.1", "a/README.md", "a/x.pyi", "a/resource.txt")
    found = replace(dist("a", "1"), missing=missing)
    assert found.missing_code == ("a/__init__.py", "a/x.so", "a/libx.so.1")


def test_the_installed_one_of_two_is_the_first_on_the_path() -> None:
    facts = replace(healthy(), distributions=(dist("a", "2"), dist("a", "1")))
    first = facts.installed("a")
    assert first is not None
    assert first.version == "2"
    assert facts.installed("b") is None


def test_a_shown_command_repeats_this_run_s_options_for_a_shell() -> None:
    facts = replace(healthy(), options=("--python", "/my env/bin/python"))
    assert facts.doctor_command("--deep") == "parakeet doctor --deep --python '/my env/bin/python'"
    assert facts.repair_command == facts.doctor_command("--fix")


def test_a_base_python_is_never_repaired_but_gets_an_environment() -> None:
    facts = healthy()
    base = replace(facts.interpreter, kind="base", executable="/usr/bin/python3")
    assert replace(facts, interpreter=base).repair_command == (
        "/usr/bin/python3 -m venv parakeet-ml && "
        "parakeet doctor --fix --python parakeet-ml/bin/python"
    )
    assert replace(facts.interpreter, version="3.11").minor == "3.11"


@pytest.mark.parametrize(
    ("pip", "command"),
    [
        ((), "/env/bin/python -m pip uninstall --yes a"),
        (UV, "uv pip uninstall --python /env/bin/python a"),
        (ENSUREPIP, "/env/bin/python -m ensurepip && /env/bin/python -m pip uninstall --yes a"),
        (("/our/python", "-m", "pip", "--python", "/env/bin/python"),
         "/our/python -m pip --python /env/bin/python uninstall --yes a"),
    ],
)  # fmt: skip
def test_a_pip_command_is_one_that_works_where_the_environment_has_no_pip(
    pip: tuple[str, ...], command: str
) -> None:
    assert replace(healthy(), pip=pip).pip_command("uninstall", "--yes", "a") == command


def test_the_environment_of_a_uv_command_without_a_verb_is_in_a_variable() -> None:
    facts = replace(healthy(), pip=UV)
    assert facts.pip_command() == "UV_PYTHON=/env/bin/python uv pip"
    assert facts.pip_command("cache", "purge") == "uv cache clean"
