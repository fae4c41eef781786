"""Asks Wayland's compositors which window has the focus; one table."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from parakeet_cli.dictate.sinks import programs
from parakeet_cli.dictate.sinks.typed.base import Focus
from parakeet_cli.errors import SinkError


@dataclass(frozen=True, slots=True)
class Compositor:
    """The variable that shows it runs, the command that asks it, how to read its JSON answer."""

    variable: str
    ask: Sequence[str]
    read: Callable[[Any], Focus | None]


def focused() -> Focus | None:
    """The focused window, None if no compositor says. Raises SinkError if there is none."""
    for compositor in COMPOSITORS:
        if not os.environ.get(compositor.variable):
            continue
        try:
            answer = json.loads(programs.read(compositor.ask, limit=2.0))
        except (SinkError, ValueError):
            return None
        focus = compositor.read(answer)
        if focus is None:
            raise SinkError("No window has the focus.")
        return focus
    return None


def _sway(tree: Any) -> Focus | None:
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if node.get("focused"):
            if node.get("pid") is None:  # a workspace without a window
                return None
            program = node.get("app_id") or (node.get("window_properties") or {}).get("class")
            return Focus(str(node["id"]), program or "")
        nodes += [*node.get("nodes", ()), *node.get("floating_nodes", ())]
    return None


def _hyprland(window: Any) -> Focus | None:
    return Focus(window["address"], window.get("class") or "") if window.get("address") else None


def _niri(window: Any) -> Focus | None:
    return Focus(str(window["id"]), window.get("app_id") or "") if window else None


COMPOSITORS: tuple[Compositor, ...] = (
    Compositor("SWAYSOCK", ("swaymsg", "--raw", "--type", "get_tree"), _sway),
    Compositor("HYPRLAND_INSTANCE_SIGNATURE", ("hyprctl", "activewindow", "-j"), _hyprland),
    Compositor("NIRI_SOCKET", ("niri", "msg", "--json", "focused-window"), _niri),
)
