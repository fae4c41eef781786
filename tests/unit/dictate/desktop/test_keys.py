from __future__ import annotations

import pytest

from parakeet_cli.dictate.desktop.keys import parse_keys
from parakeet_cli.errors import UsageError


@pytest.mark.parametrize(
    ("spelled", "trigger"),
    [
        ("<f9>", "F9"),
        ("d", "d"),
        ("<ctrl>+<alt>+d", "CTRL+ALT+d"),
        ("<alt>+<ctrl>+<shift>+<space>", "CTRL+ALT+SHIFT+space"),
        ("<cmd>+D", "LOGO+d"),
        ("<ctrl>++", "CTRL++"),
        ("<ctrl_r>", "Control_R"),
        ("<Ctrl>+<F12>", "CTRL+F12"),
    ],
)
def test_keys_are_read_as_people_write_them(spelled: str, trigger: str) -> None:
    assert parse_keys(spelled).trigger == trigger


@pytest.mark.parametrize("spelled", ["", "<f99>", "a+b", "<ctrl>+", "<f9>+<ctrl>+d", "<>", "ab"])
def test_what_is_no_key_is_refused(spelled: str) -> None:
    with pytest.raises(UsageError, match="There is no key"):
        parse_keys(spelled)
