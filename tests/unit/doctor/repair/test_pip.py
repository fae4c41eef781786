"""What is made of pip's output: the reason of a failure, and its progress."""

from __future__ import annotations

import logging
import sys

import pytest

from parakeet_cli.doctor.repair.pip import Pip, PipFailed, PipProgress

PRINTS = r"""
import sys
print("Downloading https://example.org/simple/numpy-1.26.4.whl (18.0 MB)")
print("Progress 1000000 of 18000000")
print("Successfully built")
sys.exit(int(sys.argv[1]))
"""


def fake_pip() -> Pip:
    return Pip((sys.executable, "-c", PRINTS), "24.1", sys.executable)


def test_progress_names_the_file_and_every_other_line_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen: list[PipProgress] = []
    with caplog.at_level(logging.INFO, logger="parakeet_cli"):
        output = fake_pip().run(["0"], on_progress=seen.append)
    file = "numpy-1.26.4.whl"
    assert seen == [PipProgress(file), PipProgress(file, 1_000_000, 18_000_000)]
    assert len(output) == 3
    lines = [record.getMessage().strip() for record in caplog.records]
    assert [line.split()[0] for line in lines] == ["Downloading", "Successfully"]


def test_a_failure_has_pips_last_line_if_it_names_no_error() -> None:
    with pytest.raises(PipFailed, match="Successfully built") as failed:
        fake_pip().run(["3"])
    assert failed.value.code == 3


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (["ERROR: one", "ERROR: two", ""], "two"),
        (["ERROR: a conflict", "ERROR: ResolutionImpossible: for help visit x"], "a conflict"),
        ([], "it ended with exit code 1"),
    ],
)
def test_the_reason_is_the_last_error_that_names_something(output: list[str], reason: str) -> None:
    assert PipFailed(["install"], 1, output).reason == reason


SHOWS_ARGUMENTS = r"""
import pathlib, os, stat, sys
print(sys.argv)
for before, name in zip(sys.argv, sys.argv[1:]):
    if before == "-r":
        print(oct(stat.S_IMODE(os.stat(name).st_mode)), pathlib.Path(name).read_text())
"""


def test_an_index_with_a_password_is_no_argument_but_in_a_file_for_this_user_alone() -> None:
    pip = Pip((sys.executable, "-c", SHOWS_ARGUMENTS), "24.1", sys.executable)
    url = "https://user:S3CRET@host/simple"
    indexes = ["--extra-index-url", url, "--index-url", "https://h/"]
    shown, file, *_ = pip.run(["install", *indexes, "x"])
    assert "S3CRET" not in shown
    assert "'--index-url', 'https://h/', 'x', '-r'" in shown
    assert file == f"0o600 --extra-index-url {url}"


def test_a_password_is_neither_in_the_log_nor_in_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    code = "import sys; sys.exit('ERROR: 401 of https://user:S3CRET@host/simple?token=S3CRET')"
    with (
        caplog.at_level(logging.INFO, logger="parakeet_cli"),
        pytest.raises(PipFailed) as failed,
    ):
        Pip((sys.executable, "-c", code), "24.1", sys.executable).run(["download"])
    assert failed.value.reason == "401 of https://****@host/simple?token=****"
    assert "S3CRET" not in repr((failed.value, failed.value.output, caplog.messages))
