"""Puts the daemon's state into words."""

from __future__ import annotations

from collections.abc import Mapping

STARTED_BEFORE = "{}; it was already running."


def changed_line(state: Mapping[str, object]) -> str:
    """The state after a verb."""
    return "Listening." if state.get("listening") else "Not listening."


def status_line(state: Mapping[str, object]) -> str:
    """The answer to `parakeet dictate status`."""
    model = "loaded" if state.get("loaded") else "not loaded"
    return f"Running (process {state.get('pid')}): {_activity(state)}, the model is {model}."


def _activity(state: Mapping[str, object]) -> str:
    if not state.get("listening"):
        return "ready"
    microphone = state.get("microphone")
    return f"listening to {microphone}" if microphone else "listening"
