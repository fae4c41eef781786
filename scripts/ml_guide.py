"""Writes the tables of the guide to the ML stack from the files that the doctor reads.

    python scripts/ml_guide.py           write the tables
    python scripts/ml_guide.py --check   exit 1 if a document is not current

A table is between `<!-- table: NAME -->` and `<!-- end -->`. The versions are written in the
requirements files only; the documents show them in these tables.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from parakeet_cli.doctor.checks import CHECKS
from parakeet_cli.doctor.explain.catalogue import catalogue, guide
from parakeet_cli.doctor.stack.stack import Pin, Stack, Stage, load_stack, stack_names

DOCS = Path(__file__).parent.parent / "docs"
DOCUMENTS = (DOCS / "ml-dependencies.md", DOCS / "ml-tables.md")
BLOCK = re.compile(r"(<!-- table: ([\w.-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
TORCH_STAGE = 2


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def code(text: str) -> str:
    return f"`{text}`" if text else ""


def steps(stack: Stack) -> str:
    """The manual installation: one command for each stage, in the documented order."""
    constraints_file = stack.files[-1].name
    lines = ["```bash"]
    for stage in stack.stages:
        lines.append(f"# {stage.number}. {stage.title}")
        lines += (
            torch_commands(stage)
            if stage.number == TORCH_STAGE
            else [command(stage, constraints_file)]
        )
        lines.append("")
    return "\n".join([*lines[:-1], "```\n"])


def command(stage: Stage, constraints_file: str) -> str:
    """pip's command for a stage. It has names only: the versions come from the constraints."""
    names = [pin.requirement.text.removesuffix(pin.spec).strip() for pin in stage.pins]
    words = ["pip", "install", "-c", constraints_file, *stage.flags, *names]
    wrapped, line = [], ""
    for word in words:
        if line and len(line) + len(word) > 86:
            wrapped.append(line + " \\")
            line = "   "
        line = f"{line} {word}" if line else word
    return "\n".join([*wrapped, line])


def torch_commands(stage: Stage) -> list[str]:
    (pin,) = stage.pins
    return [
        f"pip install -r {pin.file}            # with an NVIDIA GPU",
        f"# pip install {shlex.quote(pin.requirement.text)}    # without one: the ordinary index",
    ]


def constraints(stack: Stack) -> str:
    return table(
        ["Stage", "Package", "Requirement", "Why", "Impact"],
        (
            [str(pin.stage), linked(pin), code(pin.spec), pin.advice.why, pin.advice.impact]
            for pin in stack.pins
            if pin.spec
        ),
    )


def linked(pin: Pin) -> str:
    return f"[{pin.name}]({pin.advice.link})" if pin.advice.link else pin.name


def unbounded(stack: Stack) -> str:
    """The pins without a version."""
    return table(
        ["Stage", "Packages in any version"],
        (
            [str(stage.number), ", ".join(pin.name for pin in stage.pins if not pin.spec)]
            for stage in stack.stages
            if any(not pin.spec for pin in stage.pins)
        ),
    )


def unneeded(stack: Stack) -> str:
    return table(
        ["NeMo declares", "Why transcribing doesn't need it"],
        ([name, why] for name, why in stack.unneeded.items()),
    )


def checks(_: Stack) -> str:
    return table(
        ["Check", "What it requires"], ([code(id_), check.title] for id_, check in CHECKS.items())
    )


def failures(_: Stack) -> str:
    return table(
        ["#", "What happens", "Cause", "How the doctor detects it", "Remedy", "Check"],
        (
            [str(row.number), row.title, row.cause, row.detect, row.remedy, code(row.check)]
            for row in (*catalogue(), *guide())
        ),
    )


TABLES: dict[str, Callable[[Stack], str]] = {
    "steps": steps,
    "constraints": constraints,
    "free": unbounded,
    "unneeded": unneeded,
    "checks": checks,
    "failures": failures,
}


def with_tables(text: str) -> str:
    """The document with all tables written again."""

    def fill(block: re.Match[str]) -> str:
        name, _, stack = block[2].partition("-")
        return f"{block[1]}{TABLES[name](load_stack(stack or stack_names()[0]))}{block[3]}"

    return BLOCK.sub(fill, text)


def main() -> int:
    outdated = 0
    for document in DOCUMENTS:
        before = document.read_text("utf-8")
        after = with_tables(before)
        if "--check" not in sys.argv[1:]:
            document.write_text(after, "utf-8")
        elif after != before:
            print(f"{document.name} is not current: run python scripts/ml_guide.py")
            outdated = 1
    return outdated


if __name__ == "__main__":
    sys.exit(main())
