"""The explanation of one package: who requires it, and whether that can be met."""

from __future__ import annotations

import re

from parakeet_cli.doctor.explain.why import explain, lines
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import dist, having, healthy, lacking

HEALTHY = healthy()
STACK = load_stack("2.4")


def test_why_shows_edges_pin_reason_and_conflict() -> None:
    facts = having(
        HEALTHY, dist("datasets", "9.0", "fsspec>=2025.1"), dist("torch", "2.13", "fsspec")
    )
    text = "\n".join(lines(explain("FSSpec", facts, STACK)))
    assert "fsspec: 2024.12.0 in " in text
    assert re.search(r"datasets 9.0 +>=2025.1: NOT met", text)
    assert re.search(r"torch 2.13 +any version: met", text)
    assert "No version meets all of it" in text
    assert "Why: NeMo 2.4.0 requires exactly this version" in text


def test_why_of_what_is_missing_and_unneeded_is_satisfied() -> None:
    assert explain("optuna", HEALTHY, STACK).satisfied
    assert not explain("lightning", lacking(HEALTHY, "lightning"), STACK).satisfied
    assert explain("numpy", HEALTHY, STACK).satisfied
    unknown = explain("no-such-package", HEALTHY, STACK)
    assert not unknown.known
