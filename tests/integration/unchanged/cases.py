"""Every case whose outputs are held."""

from __future__ import annotations

from tests.integration.unchanged import (
    cases_of_dictation,
    cases_of_the_doctor,
    cases_of_the_rest,
    cases_of_transcription,
)
from tests.integration.unchanged.running import CASES

__all__ = [
    "CASES",
    "cases_of_dictation",
    "cases_of_the_doctor",
    "cases_of_the_rest",
    "cases_of_transcription",
]
