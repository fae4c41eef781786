"""Finds the known failures in a pasted text, the likeliest cause first.

The order of the results follows the traceback: Python prints the exception that came first
before those that followed from it, so the first of a chain is the cause, and the last line
often isn't. Failures come before notices, and what happened in the environment that pip or uv
made to build a package is no failure of the user's own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from parakeet_cli.doctor.explain.catalogue import (
    Failure,
    catalogue,
    guide,
    missing_module_pattern,
    posted,
)
from parakeet_cli.doctor.explain.frames import Frame, raiser
from parakeet_cli.doctor.explain.pasted_text import LineKind, PastedText, PatternHit
from parakeet_cli.doctor.stack.stack import load_stack, stack_names


@dataclass(frozen=True, slots=True)
class FailureMatch:
    """One known failure that a text shows, and the line that shows it."""

    row: int
    title: str
    cause: str
    remedy: str
    check: str  # the id that reports it; "" if none does
    evidence: str
    source: str
    in_build: bool = False  # it happened in the environment that pip or uv made for a build
    commands: tuple[str, ...] = ()  # of the remedy: the first that works is the one to type


def match(text: str) -> list[FailureMatch]:
    """The known failures that this text shows, the likeliest cause first."""
    pasted = PastedText(text)
    if pasted.went_well:
        return []
    found: list[tuple[tuple[int, LineKind, int], Failure, PatternHit]] = []
    for failure in (*catalogue(), *guide(), *posted()):
        hit = _first_hit(pasted, failure)
        if hit is not None:
            rank = 2 if failure.weak else int(failure.notice)
            found.append(((rank, pasted.kinds[hit.first], hit.first), failure, hit))
    found.sort(key=lambda item: (item[0], item[1].number))
    ordered = _ordered_by_rank([(failure, hit) for _, failure, hit in found])
    ordered = [one for at, one in enumerate(ordered) if not _repeats(one, ordered[:at])]
    return [_result(failure, hit, pasted) for failure, hit in ordered]


def raised_by(text: str) -> Frame | None:
    """Whose file raised the first exception of a text; None if it has no frames."""
    pasted = PastedText(text)
    for number, kind in enumerate(pasted.kinds):
        if kind is LineKind.EXCEPTION and (frames := pasted.frames_of(number)):
            return raiser(frames)
    return raiser(list(pasted.frames))


def _result(failure: Failure, hit: PatternHit, pasted: PastedText) -> FailureMatch:
    names = {**failure.names, **hit.names}
    return FailureMatch(
        row=failure.number,
        title=_filled(failure.title, names),
        cause=_filled(failure.cause, names),
        remedy=_filled(failure.remedy, names),
        check=failure.check,
        evidence=pasted.evidence(hit),
        source=failure.sources[0],
        in_build=failure.in_build,
        commands=tuple(_filled(command, names) for command in failure.commands),
    )


def _filled(text: str, names: Mapping[str, str]) -> str:
    """The text with each {name} replaced by what the pattern's group of that name matched."""
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _first_hit(pasted: PastedText, failure: Failure) -> PatternHit | None:
    if failure.beside and not pasted.contains(_pattern(failure.beside)):
        return None
    if failure.unless and pasted.contains(_pattern(failure.unless)):
        return None

    def accepts(hit: PatternHit) -> bool:
        return _accepts(pasted, failure, hit)

    hits = [hit for text in failure.messages if (hit := pasted.find(_pattern(text), accepts))]
    return min(hits, key=lambda hit: (pasted.kinds[hit.first], hit.first), default=None)


def _accepts(pasted: PastedText, failure: Failure, hit: PatternHit) -> bool:
    """Whether the frames above the match fit the row."""
    building = pasted.in_build(hit.first)
    if (building and not failure.build) or (failure.in_build and not building):
        return False
    if not (failure.frames or failure.not_frames or failure.raised_in):
        return True
    frames = pasted.frames_of(hit.last)
    if failure.needs_frames and not frames:
        return False
    if failure.frames and frames and not _names_a_frame(failure.frames, frames):
        return False
    if failure.not_frames and _names_a_frame(failure.not_frames, frames):
        return False
    if failure.raised_in and (inner := raiser(frames)) is not None:
        return re.fullmatch(failure.raised_in, inner.package, re.IGNORECASE) is not None
    return True


def _names_a_frame(pattern: str, frames: list[Frame]) -> bool:
    return any(re.search(pattern, frame.path, re.IGNORECASE) for frame in frames)


def _repeats(one: tuple[Failure, PatternHit], better: list[tuple[Failure, PatternHit]]) -> bool:
    """Whether a less exact row was found on the same lines as a better one."""
    failure, hit = one
    return any(
        (failure.weak or failure.number in other.outranks)
        and other_hit.first <= hit.last
        and hit.first <= other_hit.last
        for other, other_hit in better
    )


def _ordered_by_rank(found: list[tuple[Failure, PatternHit]]) -> list[tuple[Failure, PatternHit]]:
    """The same, with each failure before the less exact ones."""
    ordered: list[tuple[Failure, PatternHit]] = []
    for failure, hit in found:
        at = next(
            (i for i, (other, _) in enumerate(ordered) if other.number in failure.outranks),
            len(ordered),
        )
        ordered.insert(at, (failure, hit))
    return ordered


@cache
def _pattern(message: str) -> re.Pattern[str]:
    """The pattern of a message for a text without spaces."""
    for name, alternatives in _placeholders().items():
        message = message.replace(f"{{{name}}}", alternatives)
    return re.compile(message.replace(" ", ""), re.IGNORECASE)


@cache
def _placeholders() -> dict[str, str]:
    """What stands for {modules} and {distributions} in a pattern: those of every stack."""
    names = {pin.name for stack in stack_names() for pin in load_stack(stack).pins}
    spelled = sorted(re.escape(name).replace(r"\-", "[-_.]") for name in names)
    return {
        "modules": missing_module_pattern(names),
        "distributions": "|".join(spelled),
    }
