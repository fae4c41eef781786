"""Keeps a text from being a formula where a spreadsheet opens it: formulas may run programs.

A cell that begins with `=`, `+`, `-` or `@` is one, "-2+3" too, and behind a space it is text:
https://owasp.org/www-community/attacks/CSV_Injection.
"""

from __future__ import annotations

import re

_START = r"(?=[-=@+\uff0b\uff0d\uff1d\uff20])"
_FORMULA = re.compile(rf"^{_START}")
# Where a comma is the decimal point, spreadsheets take semicolons for the ends of cells.
_FORMULA_IN_CSV = re.compile(rf"(?:^|(?<=;)){_START}")
_NUMBER = re.compile(r"[+-]\d+([.,]\d+)*")
# A hyphen before what somebody says: without a call in it, a formula does nothing.
_SPOKEN = re.compile(r"-[^|(]*")


def harmless_in_csv(cell: str) -> str:
    """The cell with a space before what would be a formula."""
    return cell if _NUMBER.fullmatch(cell) else _FORMULA_IN_CSV.sub(" ", cell)


def harmless_in_tsv(cell: str) -> str:
    """The cell with a space before what would be a formula, but for ordinary text.

    Programs read `tsv`, and subtitles begin turns with a hyphen.
    """
    ordinary = _NUMBER.fullmatch(cell) or _SPOKEN.fullmatch(cell)
    return cell if ordinary else _FORMULA.sub(" ", cell)
