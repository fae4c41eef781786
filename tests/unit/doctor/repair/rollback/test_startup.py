"""Restoring must run where everything else may be broken."""

from __future__ import annotations

import subprocess
import sys

import pytest

SHOW = """
import sys
before = set(sys.modules)
import parakeet_cli.doctor.repair.rollback.startup
print(*sorted(set(sys.modules) - before))
"""
OWN = ("parakeet_cli.doctor.repair.rollback", "parakeet_cli.system", "parakeet_cli.errors")
PACKAGES = {"parakeet_cli", "parakeet_cli.doctor", "parakeet_cli.doctor.repair"}


def test_restoring_imports_the_standard_library_and_the_system_package_alone() -> None:
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    others = [name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names]
    assert [name for name in others if not name.startswith(OWN)] == sorted(PACKAGES)


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["doctor", "rollback"], True),
        (["doctor", "--python", "/env/bin/python", "rollback"], True),
        (["doctor", "rollback", "--help"], False),
        (["doctor", "--fix"], False),
        (["transcribe", "rollback"], False),
    ],
)
def test_a_rollback_is_recognised_without_a_parser(words: list[str], asked: bool) -> None:
    from parakeet_cli.doctor.repair.rollback.startup import asks_rollback

    assert asks_rollback(words) is asked
