"""Restoring must run where everything else may be broken."""

from __future__ import annotations

import subprocess
import sys

import pytest

SHOW = """
import sys
before = set(sys.modules)
import parakeet_cli.doctor.repair.rollback.startup
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - set(sys.stdlib_module_names)))
"""


def test_restoring_imports_the_standard_library_alone() -> None:
    done = subprocess.run([sys.executable, "-c", SHOW], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["parakeet_cli"]


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
