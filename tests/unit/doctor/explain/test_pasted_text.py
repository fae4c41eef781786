"""A pasted text is read into lines, tracebacks and the output of builds."""

from __future__ import annotations

import re

import pytest

from parakeet_cli.doctor.explain.pasted_text import (
    LONGEST_LINE,
    MOST_TEXT,
    LineKind,
    PastedText,
    cleaned,
)

CHAIN = """Traceback (most recent call last):
  File "/env/lib/python3.11/site-packages/numba/a.py", line 1, in <module>
    import llvmlite
ImportError: the cause

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/home/ana/t.py", line 3, in <module>
    import numba
RuntimeError: what followed
"""
BUILD = """Collecting pesq
  error: subprocess-exited-with-error
  × python setup.py bdist_wheel did not run successfully.
  ╰─> [2 lines of output]
      ModuleNotFoundError: No module named 'torch'
      [end of output]
ModuleNotFoundError: No module named 'torch'
"""


def line_of(text: str, words: str) -> int:
    return next(i for i, line in enumerate(text.splitlines()) if words in line)


def test_each_exception_has_the_frames_of_its_own_traceback() -> None:
    pasted = PastedText(CHAIN)
    first, second = line_of(CHAIN, "the cause"), line_of(CHAIN, "what followed")
    assert pasted.kinds[first] is pasted.kinds[second] is LineKind.EXCEPTION
    assert [one.package for one in pasted.frames_of(first)] == ["numba"]
    assert [one.owner for one in pasted.frames_of(second)] == ["own"]


def test_what_a_build_printed_is_told_from_what_follows_it() -> None:
    pasted = PastedText(BUILD)
    lines = [i for i, line in enumerate(BUILD.splitlines()) if "No module named" in line]
    assert [pasted.in_build(line) for line in lines] == [True, False]


def test_a_hit_that_isn_t_accepted_gives_way_to_a_later_one() -> None:
    pasted = PastedText(BUILD)
    pattern = re.compile("Nomodulenamed'(?P<module>\\w+)'")
    hit = pasted.find(pattern, lambda hit: not pasted.in_build(hit.first))
    assert hit is not None
    assert (hit.first, dict(hit.names)) == (6, {"module": "torch"})


def test_a_frame_that_a_terminal_broke_is_read() -> None:
    path = "/a/very/long/folder/lib/python3.11/site-packages/nemo/core/common.py"
    head = "Traceback (most recent call last):"
    text = f'{head}\n  File "{path[:30]}\n{path[30:]}", line 5, in f\nE\n'
    assert [one.package for one in PastedText(text).frames] == ["nemo"]


@pytest.mark.parametrize(
    ("text", "well"),
    [
        ("Successfully installed torch-2.13.0", True),
        ("Resolved 3 packages in 4ms\nInstalled 3 packages in 4ms", True),
        ("Successfully installed texterrors-0.5", True),
        ("Successfully installed a\nERROR: b is incompatible", False),
        ("Successfully installed a\nImportError: x", False),
        ("nothing was said", False),
    ],
)
def test_a_log_that_went_well_says_so_and_names_no_failure(text: str, well: bool) -> None:
    assert PastedText(text).went_well is well


def test_the_evidence_of_a_match_over_several_long_lines_is_shown() -> None:
    text = PastedText(f"Collecting a {'x' * 150}\n  ... error {'y' * 150}\n")
    hit = text.find(re.compile(r"Collectinga[^\n]*\n[^\n]*error"))
    assert hit is not None
    assert text.evidence(hit).startswith("Collecting a xxx")


def test_a_line_that_is_too_long_is_broken_and_loses_nothing() -> None:
    text = "x" * (LONGEST_LINE - 10) + "cannot import name 'a'" + "y" * LONGEST_LINE
    pasted = PastedText(text)
    assert max(map(len, pasted.lines)) == LONGEST_LINE
    hit = pasted.find(re.compile("cannotimportname"))
    assert hit is not None
    assert (hit.first, hit.last) == (0, 1)


def test_of_a_huge_log_the_beginning_and_the_end_are_read() -> None:
    middle = "nothing to see here\n" * MOST_TEXT
    pasted = PastedText(f"ImportError: first\n{middle}RuntimeError: last")
    assert pasted.contains(re.compile("ImportError:first"))
    assert pasted.contains(re.compile("RuntimeError:last"))
    assert len(pasted.by_line) <= MOST_TEXT + 1


def test_boxes_and_spaces_at_the_end_of_a_line_are_left_out() -> None:
    assert cleaned("No module named 'torch'  ││ ") == "No module named 'torch'"
