"""Installed code whose content isn't the one that RECORD gives a sum of."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from parakeet_cli.doctor.facts import Distribution
from parakeet_cli.doctor.inspect.packages.distributions import read_distributions
from parakeet_cli.doctor.inspect.packages.sums import compare_sums
from tests.doctor_facts import OnDisk

FILES = {"a/__init__.py": "x = 1\n", "a/lib.so": "ELF 1234", "a/table.json": "[1, 2]"}


@pytest.fixture
def env(tmp_path: Path) -> OnDisk:
    env = OnDisk.new(tmp_path / "env")
    install(env, "a", FILES)
    return env


def install(env: OnDisk, name: str, files: dict[str, str]) -> None:
    """A distribution whose RECORD has the sums of its files."""
    record = env.install(name, "1.0", files=files) / "RECORD"
    text = record.read_text()
    for path, content in files.items():
        made = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest())
        digest = made.decode().rstrip("=")
        text = text.replace(f"{path},sha256=x,", f"{path},sha256={digest},")
    record.write_text(text)


def read(env: OnDisk) -> tuple[Distribution, ...]:
    return compare_sums(read_distributions((str(env.site),)).distributions)


def test_code_of_the_right_size_and_another_content_is_damaged(env: OnDisk) -> None:
    assert not read(env)[0].broken
    (env.site / "a/__init__.py").write_text("x = 2\n")
    (env.site / "a/lib.so").write_text("ELF 1235")
    [dist] = read(env)
    assert dist.altered == ("a/__init__.py", "a/lib.so")
    assert dist.broken
    assert dist.damaged[0] == "a/__init__.py (its SHA-256 isn't RECORD's)"


def test_data_that_was_changed_is_not_damaged(env: OnDisk) -> None:
    (env.site / "a/table.json").write_text("[2, 1]")
    assert not read(env)[0].broken


def test_a_file_of_another_size_is_named_once(env: OnDisk) -> None:
    (env.site / "a/__init__.py").write_text("")
    assert read(env)[0].damaged == ("a/__init__.py (0 of 6 bytes)",)


def test_a_file_that_another_distribution_brought_as_well_is_whole(env: OnDisk) -> None:
    install(env, "b", {"a/__init__.py": "x = 3\n"})
    assert not any(dist.altered for dist in read(env))


def test_what_conda_installed_is_not_compared(env: OnDisk) -> None:
    (env.site / "a-1.0.dist-info" / "INSTALLER").write_text("conda\n")
    (env.site / "a/__init__.py").write_text("x = 2\n")
    assert not read(env)[0].broken


def test_a_sum_that_record_does_not_have_is_not_compared(env: OnDisk) -> None:
    record = env.site / "a-1.0.dist-info" / "RECORD"
    record.write_text("a/__init__.py,md5=abc,6\na/lib.so,,8\n")
    (env.site / "a/__init__.py").write_text("x = 2\n")
    assert not read(env)[0].broken
