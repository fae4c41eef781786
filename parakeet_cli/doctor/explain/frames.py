"""Says whose file a frame of a traceback is in: a package's, pip's build, the user's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Owner = Literal["package", "standard library", "build", "own"]

# A traceback's frames, as Python, IPython, pytest and Rich write them, one on a line.
FRAME_FORMS = (
    re.compile(r'File "([^"]+)", line \d+'),
    re.compile(r"File ([^\s\":<>|]+\.pyx?):\d+"),
    re.compile(r"^\s*([~/.\w][^\s:<>|]*\.pyx?) in (?=[\w<])"),
    re.compile(r"^\s*((?:[A-Za-z]:)?[~/.\w\\-][^\s:<>|]*\.pyx?):\d+(?::| in )"),
)
SITE = re.compile(r"(?:site|dist)-packages/(?:[^/]+\.egg/)?([^/]+)")
STANDARD = re.compile(
    r"^<frozen |/lib(?:64)?/python\d[\d.]*/(?!site-|dist-)|/Python\d+/Lib/(?!site-)"
    r"|(?:conda|envs/[^/]+|venv)/Lib/(?!site-)",
    re.IGNORECASE,
)
# Where pip and uv build a package: an environment of its own, thrown away afterwards.
BUILD = re.compile(
    r"/pip-build-env-|/pip-install-|/pip-req-build-|/builds-v0/|/sdists-v\d+/|/build-env-"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """A file that a traceback names, on which line of the text, and whose it is."""

    line: int
    path: str  # with forward slashes
    owner: Owner
    package: str = ""  # the import package, if it is a package's


def frame(line: int, path: str) -> Frame:
    """The frame of this path."""
    path = path.replace("\\", "/").replace("//", "/")
    if is_build_folder(path):
        return Frame(line, path, "build")
    if found := SITE.search(path):
        return Frame(line, path, "package", found[1].removesuffix(".py"))
    return Frame(line, path, "standard library" if STANDARD.search(path) else "own")


def is_build_folder(path: str) -> bool:
    """Whether pip or uv made this folder to build a package in."""
    return BUILD.search(path) is not None


def frames_of_line(number: int, line: str) -> Iterator[Frame]:
    """The frame on a line, if there is one."""
    for form in FRAME_FORMS:
        if found := form.search(line):
            yield frame(number, found[1])
            return


def raiser(frames: list[Frame]) -> Frame | None:
    """The innermost frame that isn't the standard library's: whose code raised the error."""
    return next((one for one in reversed(frames) if one.owner != "standard library"), None)
