from __future__ import annotations

import pytest

from parakeet_cli.dictate.sinks.typed import base
from parakeet_cli.dictate.sinks.typed.base import Focus, wait_for_release
from parakeet_cli.errors import SinkError


@pytest.mark.parametrize(
    ("program", "terminal"),
    [
        ("XTerm", True),
        ("org.gnome.Terminal", True),
        ("Alacritty", True),
        ("foot", True),
        ("org.gnome.Console", True),
        ("firefox", False),
        ("org.gnome.TextEditor", False),
        ("", False),
    ],
)
def test_a_terminal_is_known_by_its_name(program: str, terminal: bool) -> None:
    assert Focus("1", program).is_terminal is terminal


def test_a_text_waits_until_no_modifier_is_held_down() -> None:
    held = iter(["Shift", "Shift", ""])
    wait_for_release(lambda: next(held))
    assert next(held, None) is None


def test_a_modifier_that_stays_down_is_an_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(base, "HELD_SECONDS", 0.05)
    with pytest.raises(SinkError, match=r"Control has been held down for 0\.05 seconds"):
        wait_for_release(lambda: "Control")
