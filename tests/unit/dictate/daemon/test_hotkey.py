from __future__ import annotations

import re
import sys

import pytest

from parakeet_cli.dictate.daemon.hotkey import hotkeys
from parakeet_cli.errors import ParakeetError


def test_without_the_extra_the_message_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pynput", None)
    monkeypatch.setattr(sys, "platform", "win32")  # elsewhere it isn't needed
    with (
        pytest.raises(ParakeetError, match="need pynput") as refused,
        hotkeys(print, toggle="<f9>", hold=None),
    ):
        pass
    assert re.search(r"-m pip install 'pynput>=1\.8[.\d]*'$", refused.value.hint or "")


def test_without_a_key_pynput_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynput", None)
    with hotkeys(print, toggle=None, hold=None):
        pass
