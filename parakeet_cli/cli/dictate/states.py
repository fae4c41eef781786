"""Puts the daemon's state into words."""

from __future__ import annotations

import time
from collections.abc import Mapping

from parakeet_cli.system.safety.printable import one_line

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
        return "writing" if state.get("writing") else "ready"
    words = ["listening"]
    if microphone := state.get("microphone"):
        words.append(f"to {one_line(str(microphone))}")
    if since := state.get("since"):
        words.append(f"since {time.strftime('%H:%M:%S', time.localtime(float(str(since))))}")
    if target := state.get("target"):
        words.append(f"for {one_line(str(target))}")
    return " ".join(words)
