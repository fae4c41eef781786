"""The answers of the compositors, by scripts in place of the programs that ask them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.dictate.sinks.typed.base import Focus
from parakeet_cli.dictate.sinks.typed.compositors import COMPOSITORS, focused
from parakeet_cli.errors import SinkError

SWAY, HYPRLAND, NIRI = (compositor.variable for compositor in COMPOSITORS)
WINDOW = {"id": 7, "pid": 1, "focused": True, "app_id": "foot"}
X11_WINDOW = {"id": 8, "pid": 1, "focused": True, "window_properties": {"class": "XTerm"}}


@pytest.fixture(autouse=True)
def no_session(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in (SWAY, HYPRLAND, NIRI):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def answering(
    variable: str, answer: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session of a compositor that gives this answer; a string is no JSON."""
    monkeypatch.setenv(variable, "there")
    text = answer if isinstance(answer, str) else json.dumps(answer)
    (tmp_path / "answer").write_text(text, encoding="utf-8")
    for compositor in COMPOSITORS:
        program = tmp_path / compositor.ask[0]
        program.write_text(f"#!/bin/sh\nexec cat '{tmp_path}/answer'\n", encoding="utf-8")
        program.chmod(0o755)


@pytest.mark.parametrize(
    ("variable", "answer", "focus"),
    [
        (SWAY, {"nodes": [{"focused": False, "nodes": [WINDOW]}]}, Focus("7", "foot")),
        (SWAY, {"nodes": [{"floating_nodes": [X11_WINDOW]}]}, Focus("8", "XTerm")),
        (SWAY, {"nodes": [{**WINDOW, "app_id": None}]}, Focus("7", "")),
        (HYPRLAND, {"address": "0x5", "class": "kitty"}, Focus("0x5", "kitty")),
        (NIRI, {"id": 3, "app_id": "firefox"}, Focus("3", "firefox")),
        (NIRI, {"id": 3, "app_id": None}, Focus("3", "")),
    ],
)
def test_the_focused_window_is_found(
    variable: str, answer: object, focus: Focus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(variable, answer, tmp_path, monkeypatch)
    assert focused() == focus


@pytest.mark.parametrize(
    ("variable", "answer"),
    [
        (SWAY, {"nodes": [{"id": 2, "focused": True}]}),  # a workspace
        (SWAY, {"nodes": []}),
        (HYPRLAND, {}),
        (NIRI, None),
    ],
)
def test_a_desktop_without_a_focused_window_is_an_error(
    variable: str, answer: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(variable, answer, tmp_path, monkeypatch)
    with pytest.raises(SinkError, match="No window has the focus"):
        focused()


def test_a_compositor_that_gives_no_answer_does_not_stop_a_dictation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering(SWAY, "error: no socket", tmp_path, monkeypatch)
    assert focused() is None


def test_without_a_compositor_the_focus_is_unknown() -> None:
    assert focused() is None
