"""Names the next step after a pasted text in which no known failure was found."""

from __future__ import annotations

import re
from dataclasses import dataclass

from parakeet_cli.doctor.explain.catalogue import modules
from parakeet_cli.doctor.explain.frames import Frame
from parakeet_cli.doctor.explain.match import raised_by
from parakeet_cli.doctor.explain.pasted_text import PastedText
from parakeet_cli.doctor.stack.stack import load_stack, stack_names

EXAMINE = "parakeet doctor"
MISSING_MODULE = re.compile(r"No module named '([\w.]+)'")


@dataclass(frozen=True, slots=True)
class NextStep:
    """What is known of a text that shows no known failure, and what to do."""

    known: str
    action: str


def next_step(text: str, examine: str = EXAMINE) -> NextStep:
    """What to do where `match` finds nothing. `examine` is the doctor's command to type."""
    if not text.strip():
        return NextStep("There is no text.", "Paste the whole traceback, from its first line.")
    if PastedText(text).went_well:
        return NextStep(
            "This text reports success, and no failure.", f"To examine the stack: {examine}"
        )
    if (module := missing_module(text)) and module.partition(".")[0] not in stack_modules():
        return NextStep(
            f"This text shows no known failure: {module} is no part of the stack.",
            f"Install the package that has {module} in the environment that runs this program.",
        )
    return _by_raiser(raised_by(text), examine)


def missing_module(text: str) -> str:
    """The first module that Python didn't find, if the text names one."""
    found = MISSING_MODULE.search(text)
    return found[1] if found else ""


def _by_raiser(raiser: Frame | None, examine: str) -> NextStep:
    unknown = "This text shows no known failure."
    if raiser is None:
        return NextStep(unknown, f"Paste the whole traceback, or examine the stack: {examine}")
    if raiser.owner == "build":
        return NextStep(
            f"{unknown} It was raised where pip or uv built a package, not in your environment.",
            "Read the package's notes on installing, or let the doctor install the stack: "
            f"{examine} --fix",
        )
    if raiser.owner == "own":
        return NextStep(
            f"{unknown} It was raised in your own file {raiser.path}.",
            f"Look there first. To examine the stack all the same: {examine}",
        )
    if raiser.package in stack_modules():
        return NextStep(
            f"{unknown} It was raised in {raiser.package}, a part of the stack.",
            f"Examine the stack: {examine} --deep. If that is healthy: parakeet doctor report "
            "makes the text for a bug report.",
        )
    return NextStep(
        f"{unknown} It was raised in {raiser.package}, which is no part of the stack.",
        f"Search the issues of {raiser.package}, or upgrade it: "
        f"python -m pip install --upgrade {raiser.package}",
    )


def stack_modules() -> frozenset[str]:
    """The import packages of the stack, and NeMo's own."""
    names = {pin.name for stack in stack_names() for pin in load_stack(stack).pins}
    renamed = modules()
    return frozenset({"nemo", "torch"} | {renamed.get(n) or n.replace("-", "_") for n in names})
