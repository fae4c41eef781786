"""Whose file a frame of a traceback is in."""

from __future__ import annotations

import pytest

from parakeet_cli.doctor.explain.frames import Frame, frame, frames_of_line, raiser


@pytest.mark.parametrize(
    ("path", "owner", "package"),
    [
        ("/env/lib/python3.11/site-packages/nemo/core/classes/common.py", "package", "nemo"),
        ("/usr/local/lib/python3.12/dist-packages/torch/_ops.py", "package", "torch"),
        ("C:\\env\\Lib\\site-packages\\sounddevice.py", "package", "sounddevice"),
        ("/x/dist-packages/hallo-0.1.0-py3.10.egg/hallo/util.py", "package", "hallo"),
        ("/usr/lib/python3.11/ctypes/__init__.py", "standard library", ""),
        (
            "C:\\Users\\a\\Programs\\Python\\Python312\\Lib\\json\\decoder.py",
            "standard library",
            "",
        ),
        ("<frozen importlib._bootstrap>", "standard library", ""),
        ("/tmp/pip-build-env-8/overlay/lib/python3.11/site-packages/x.py", "build", ""),
        ("C:\\uv\\cache\\builds-v0\\.tmpA\\Lib\\site-packages\\x.py", "build", ""),
        ("/tmp/pip-install-ab/editdistance_0f/setup.py", "build", ""),
        ("/home/ana/proj/datasets.py", "own", ""),
        ("transcribe.py", "own", ""),
    ],
)
def test_a_path_says_whose_file_it_is(path: str, owner: str, package: str) -> None:
    found = frame(0, path)
    assert (found.owner, found.package) == (owner, package)


@pytest.mark.parametrize(
    "line",
    [
        '  File "/x/site-packages/numba/core.py", line 12, in f',
        "File ~/x/site-packages/numba/core.py:12, in f(a)",
        "~/x/site-packages/numba/core.py in f(a)",
        "/x/site-packages/numba/core.py:12: in f",
        "  /x/site-packages/numba/core.py:12 in f  ",
    ],
)
def test_a_frame_is_found_in_each_form(line: str) -> None:
    (found,) = frames_of_line(7, line)
    assert (found.line, found.package) == (7, "numba")


@pytest.mark.parametrize("line", ["ImportError: x", "    import numba", "see setup.py in the docs"])
def test_other_lines_have_no_frame(line: str) -> None:
    assert [one for one in frames_of_line(0, line) if one.owner == "package"] == []


def test_the_raiser_is_the_innermost_that_is_no_standard_library() -> None:
    frames = [
        Frame(1, "a.py", "own"),
        Frame(2, "/x/site-packages/torchaudio/b.py", "package", "torchaudio"),
        Frame(3, "/usr/lib/python3.11/ctypes/__init__.py", "standard library"),
    ]
    assert raiser(frames) == frames[1]
    assert raiser([]) is None
