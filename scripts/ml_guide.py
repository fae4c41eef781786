"""Writes the tables of docs/ml-dependencies.md from the policy they describe.

    python scripts/ml_guide.py           write them
    python scripts/ml_guide.py --check   exit 1 where the document is not current

A table stands between `<!-- table: NAME -->` and `<!-- end -->`. Versions stand in the
requirements files alone; the document shows them through these tables.
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

DOCUMENT = Path(__file__).parent.parent / "docs" / "ml-dependencies.md"
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
    """The manual installation: a command a stage, in the documented order."""
    held = stack.files[-1].name
    lines = ["```bash"]
    for stage in stack.stages:
        lines.append(f"# {stage.number}. {stage.title}")
        lines += torch_commands(stage) if stage.number == TORCH_STAGE else [command(stage, held)]
        lines.append("")
    return "\n".join([*lines[:-1], "```\n"])


def command(stage: Stage, held: str) -> str:
    """pip's command for a stage: names only, the versions come from the constraints."""
    names = [pin.requirement.text.removesuffix(pin.spec).strip() for pin in stage.pins]
    words = ["pip", "install", "-c", held, *stage.flags, *names]
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


def free(stack: Stack) -> str:
    """What is wanted in any version."""
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
        ["NeMo declares", "Why transcribing does without"],
        ([name, why] for name, why in stack.unneeded.items()),
    )


def checks(_: Stack) -> str:
    return table(["Check", "What is well"], ([code(id_), c.title] for id_, c in CHECKS.items()))


def failures(_: Stack) -> str:
    return table(
        ["#", "What is seen", "Cause", "Remedy", "Check"],
        (
            [str(row.number), row.title, row.cause, row.remedy, code(row.check)]
            for row in (*catalogue(), *guide())
        ),
    )


TABLES: dict[str, Callable[[Stack], str]] = {
    "steps": steps,
    "constraints": constraints,
    "free": free,
    "unneeded": unneeded,
    "checks": checks,
    "failures": failures,
}


def written(text: str) -> str:
    """The document with every table as the policy has it now."""

    def fill(block: re.Match[str]) -> str:
        name, _, stack = block[2].partition("-")
        return f"{block[1]}{TABLES[name](load_stack(stack or stack_names()[0]))}{block[3]}"

    return BLOCK.sub(fill, text)


def main() -> int:
    before = DOCUMENT.read_text("utf-8")
    after = written(before)
    if "--check" in sys.argv[1:]:
        if after != before:
            print(f"{DOCUMENT.name} is not current: run python scripts/ml_guide.py")
        return int(after != before)
    DOCUMENT.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
