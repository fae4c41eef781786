"""A pasted error is distinguished from similar ones, however it was pasted."""

from __future__ import annotations

import re
import textwrap
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.doctor.checks import CHECKS
from parakeet_cli.doctor.explain.catalogue import Failure, catalogue, guide, posted
from parakeet_cli.doctor.explain.match import match

TEXTS = Path(__file__).parent / "texts"
KNOWN = sorted(TEXTS.glob("*.txt"))
NONE = sorted((TEXTS / "none").glob("*.txt"))
POSTS = tomllib.loads((Path(__file__).parent / "posts.toml").read_text("utf-8"))["post"]


def rows(text: str) -> list[int]:
    return [found.row for found in match(text)]


@pytest.mark.parametrize("text", KNOWN, ids=lambda path: path.stem)
def test_each_known_error_is_matched_by_its_row_first(text: Path) -> None:
    assert rows(text.read_text())[:1] == [int(text.name.split("-")[0])]


def test_every_row_has_a_text_to_test_it() -> None:
    tested = {int(path.name.split("-")[0]) for path in KNOWN} | {post["row"] for post in POSTS}
    assert tested - {0} == {failure.number for failure in (*catalogue(), *guide(), *posted())}


@pytest.mark.parametrize("post", POSTS, ids=lambda post: f"{post['row']}-{post['name']}")
def test_a_post_is_matched_by_the_row_of_its_cause_first(post: dict[str, Any]) -> None:
    assert rows(post["text"])[:1] == ([post["row"]] if post["row"] else [])


@pytest.mark.parametrize("post", POSTS, ids=lambda post: f"{post['row']}-{post['name']}")
def test_a_post_with_a_log_s_stamps_and_colours_is_matched_alike(post: dict[str, Any]) -> None:
    assert rows(logged(coloured(post["text"])))[:1] == rows(post["text"])[:1]


def test_there_are_posts_of_every_kind_and_some_without_a_known_failure() -> None:
    assert len([post for post in POSTS if post["row"]]) >= 60
    assert len([post for post in POSTS if not post["row"]]) >= 10


def test_each_check_has_texts_that_lead_to_it() -> None:
    """But for stack-installed, whose finding replaces the other checks' where nothing is."""
    led_to = {failure.check for failure in (*catalogue(), *guide(), *posted())}
    assert led_to - {""} <= set(CHECKS)
    assert set(CHECKS) - led_to <= {"stack-installed"}


def test_a_result_has_no_name_that_nothing_filled() -> None:
    for post in POSTS:
        for found in match(post["text"]):
            assert "{" not in found.title + found.cause + found.remedy, found.row


@pytest.mark.parametrize("text", NONE, ids=lambda path: path.stem)
def test_an_error_that_is_only_similar_is_not_matched(text: Path) -> None:
    assert match(text.read_text()) == []


def coloured(text: str) -> str:
    return "".join(f"\x1b[1;31m{line}\x1b[0m\x1b[K\n" for line in text.splitlines())


def colour_without_escapes(text: str) -> str:
    return "".join(f"[31m{line}[0m\n" for line in text.splitlines())


def windows(text: str) -> str:
    return "\ufeff" + text.replace("\n", "\r\n")


def logged(text: str) -> str:
    stamp = "2026-11-22T10:00:00.123456Z "
    return "".join(f"{stamp}{line}\n" for line in text.splitlines())


def composed(text: str) -> str:
    return "".join(f"transcriber-1  | {line}\n" for line in text.splitlines())


def quoted(text: str) -> str:
    return "".join(f"> {line}\n" for line in text.splitlines())


def pytests(text: str) -> str:
    return "".join(f"E   {line}\n" for line in text.splitlines())


def cut_at_80(text: str) -> str:
    """As a terminal cuts: anywhere, in the middle of a word."""
    lines = [line[i : i + 80] for line in text.splitlines() for i in range(0, len(line) or 1, 80)]
    return "\n".join(lines)


def folded_at_60(text: str) -> str:
    """As a mail program folds: at spaces, with the rest indented."""
    return "\n".join(
        "\n".join(textwrap.wrap(line, 60, subsequent_indent="    ", break_on_hyphens=False))
        for line in text.splitlines()
    )


def boxed(text: str) -> str:
    """As Rich draws a traceback."""
    width = 90
    inner = [line[i : i + width] for line in text.splitlines() for i in range(0, len(line), width)]
    return "\n".join(
        ["╭" + "─" * (width + 2) + "╮", *(f"│ {line:<{width}} │" for line in inner), "╰─╯"]
    )


WAYS: list[Callable[[str], str]] = [
    coloured,
    colour_without_escapes,
    windows,
    logged,
    composed,
    quoted,
    pytests,
    cut_at_80,
    folded_at_60,
    boxed,
]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: str(way.__name__))
@pytest.mark.parametrize("text", KNOWN, ids=lambda path: path.stem)
def test_how_it_was_pasted_changes_nothing(text: Path, way: Callable[[str], str]) -> None:
    original = text.read_text()
    assert rows(way(original))[:1] == rows(original)[:1]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: str(way.__name__))
def test_no_way_of_pasting_makes_another_error_match(way: Callable[[str], str]) -> None:
    for text in NONE:
        assert match(way(text.read_text())) == [], text.name


def test_a_whole_log_has_the_error_among_other_lines() -> None:
    noise = "".join(f"step {i}: loss 0.{i}, 12.5 it/s\n" for i in range(300))
    text = noise + (TEXTS / "17-pyarrow.txt").read_text() + noise
    assert rows(text) == [17]


def test_the_cause_comes_before_what_followed_from_it() -> None:
    chained = (
        "Traceback (most recent call last):\n"
        '  File "/env/lib/python3.11/site-packages/datasets/__init__.py", line 1, in <module>\n'
        "    import pyarrow\n"
        "ImportError: pyarrow requires NumPy 2.0 or newer, found 1.26.4\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n"
        '  File "t.py", line 1, in <module>\n'
        "    import nemo.collections.asr\n"
        "ModuleNotFoundError: No module named 'nemo.collections.asr'\n"
    )
    assert rows(chained) == [17, 41]


def test_the_exception_comes_before_a_warning_above_it() -> None:
    text = (TEXTS / "29-no-cuda-python.txt").read_text() + (TEXTS / "30-failure-35.txt").read_text()
    assert rows(text) == [30, 29]


def test_the_more_exact_of_two_rows_for_one_failure_is_first() -> None:
    assert rows((TEXTS / "01-warning-and-failure.txt").read_text()) == [1, 2]


def test_a_match_has_evidence_cause_and_remedy() -> None:
    (found,) = match((TEXTS / "21-pkg-resources.txt").read_text())
    assert found.row == 21
    assert found.check == "setuptools-pkg-resources"
    assert found.evidence == "ModuleNotFoundError: No module named 'pkg_resources'"
    assert "pkg_resources" in found.cause
    assert "parakeet doctor --fix" in found.remedy
    assert found.source.startswith("https://github.com/")


def test_the_evidence_of_a_broken_line_is_joined() -> None:
    broken = "ImportError: pyarrow requires NumPy 2.0\nor newer, found 1.26.4\n"
    (found,) = match("ImportError: pyarrow\nrequires NumPy 2.0 or newer, found 1.26.4\n")
    assert found.evidence == "ImportError: pyarrow requires NumPy 2.0 or newer, found 1.26.4"
    assert rows(broken) == [17]


def test_a_text_that_powershell_wrote_is_read() -> None:
    text = "No module named 'lightning'\r\n".encode("utf-16-le").decode("utf-8", errors="replace")
    assert rows(text) == [19]


def test_the_evidence_of_a_warning_is_its_first_line() -> None:
    (found,) = match((TEXTS / "01-torch-2.13.txt").read_text())
    assert "Found GPU0 NVIDIA GeForce RTX 5090" in found.evidence


def test_the_evidence_of_an_endless_line_is_cut() -> None:
    (found,) = match("x" * 5000 + " PortAudio library not found")
    assert len(found.evidence) <= 200
    assert "PortAudio" in found.evidence


@pytest.mark.parametrize(
    "failure", (*catalogue(), *guide(), *posted()), ids=lambda row: str(row.number)
)
def test_no_pattern_reaches_without_bound_over_a_long_log(failure: Failure) -> None:
    for pattern in failure.messages:
        outside_classes = re.sub(r"\[[^\]]*\]", "", pattern)
        assert not re.search(r"(?<!\\)\.[*+]", outside_classes), pattern
