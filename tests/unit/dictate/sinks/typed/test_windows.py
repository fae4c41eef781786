"""The keys sent to Windows, as far as they can be checked elsewhere."""

from __future__ import annotations

import ctypes

import pytest

from parakeet_cli.dictate.sinks.typed.windows import Input, SendInput, key_inputs
from parakeet_cli.errors import SinkUnavailable


def test_an_input_has_the_size_that_sendinput_asks_for() -> None:
    pointer = ctypes.sizeof(ctypes.c_void_p)
    assert ctypes.sizeof(Input) == (40 if pointer == 8 else 28)
    assert Input.either.offset == (8 if pointer == 8 else 4)


def sent(char: str) -> list[tuple[int, int, int]]:
    return [(each.either.ki.wVk, each.either.ki.wScan, each.either.ki.dwFlags)
            for each in key_inputs(char)]  # fmt: skip


def test_text_is_sent_as_utf_16_units_and_real_keys_for_line_breaks() -> None:
    assert sent("é") == [(0, 0xE9, 4), (0, 0xE9, 6)]
    assert sent("🦜") == [(0, 0xD83E, 4), (0, 0xD83E, 6), (0, 0xDD9C, 4), (0, 0xDD9C, 6)]
    assert sent("\n") == [(0x0D, 0, 0), (0x0D, 0, 2)]
    assert sent("\t") == [(0x09, 0, 0), (0x09, 0, 2)]


def test_sendinput_is_unavailable_elsewhere() -> None:
    with pytest.raises(SinkUnavailable, match="not Windows"):
        SendInput().probe()
