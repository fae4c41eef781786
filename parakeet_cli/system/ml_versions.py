"""The versions of the ML stack, read from the requirements files that hold them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from parakeet_cli.system.files import data_file

_STAGE = re.compile(r"#\s*stage\s+(\d+)\s*:\s*(.*)", re.IGNORECASE)
_COMMENT = re.compile(r"(^|\s)#.*$")
_FILE_NAME = re.compile(r"\s*\(requirements-[\w.-]+\)$")
_SEPARATORS = re.compile(r"[-_.]+")


class RequirementLine(NamedTuple):
    """A requirement, or the heading of a stage (then `requirement` is empty)."""

    number: int  # of the line in its file, from 1
    stage: int  # 0 before the first heading
    title: str  # of the stage
    requirement: str


def requirements_file(name: str) -> Path:
    """The requirements file of that name. Raises FileNotFoundError."""
    return data_file(name)


def read_requirements(path: Path) -> Iterator[RequirementLine]:
    """The headings (`# stage N: title`) and requirements of a file, in order.

    Comments and pip's own options are left out. Raises OSError.
    """
    stage, title = 0, ""
    for number, raw in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if heading := _STAGE.match(raw.strip()):
            stage, title = int(heading[1]), _FILE_NAME.sub("", heading[2].strip())
            yield RequirementLine(number, stage, title, "")
            continue
        text = _COMMENT.sub("", raw).strip()
        if text and not text.startswith("-"):
            yield RequirementLine(number, stage, title, text)


def normalized_name(name: str) -> str:
    """A distribution's name as PEP 503 compares it: `nemo-toolkit` for `NeMo_Toolkit`."""
    return _SEPARATORS.sub("-", name).lower()
