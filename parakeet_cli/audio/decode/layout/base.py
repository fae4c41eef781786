"""The layout of a recording, and which of the sizes in a header can be believed."""

from __future__ import annotations

from dataclasses import dataclass

MISCOUNT = 64  # bytes by which some writers are off
BILLION = 1_000_000_000
# Writers that can't go back to fill in a size leave one of these: SoX 0x7FFFF000, others the
# largest signed or unsigned number, with or without the bytes of the header.
PLACEHOLDERS = (range(0x7FFFF000, 0x80000100), range(0xFFFFF000, 1 << 32), range(1 << 62, 1 << 64))
MAX_RATIO = 200  # a declared size that is more times the file's isn't one
FEW = 4096  # bytes; with fewer, the ratio says nothing


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a recording's sound lies, in bytes from the recording's start, by its header.

    `size` is the declared size of the sound, which may lie beyond the end of the file; None
    if the header leaves it open. `end` is the first byte after the recording, as far as its
    headers lead. With the `patches` (a position and the bytes that belong there), libav reads
    on to the end of the file. A size of 32 bits may have `wrapped` around at 4 GiB, and others
    alike.
    `seconds` is a duration that the header states besides, which may be rounded. With an
    `open_end` the format has a mark for the end, and it is missing. A `likely` end is one only
    if another recording begins there: it may also be damage. What is `refused` libav reads with
    the patches alone.
    """

    start: int
    size: int | None
    end: int | None = None
    patches: tuple[tuple[int, bytes], ...] = ()
    wrapped: bool = False
    seconds: float | None = None
    open_end: bool = False
    likely: bool = False
    refused: bool = False


def known_size(declared: int, present: int) -> int | None:
    """A declared size, None if it is a placeholder; `present` bytes follow in the file."""
    if 0 < declared <= present + MISCOUNT:
        return declared
    if declared <= 0 or any(declared in one for one in PLACEHOLDERS):
        return None
    if declared >= BILLION and (declared + MISCOUNT) % BILLION <= 2 * MISCOUNT:
        return None
    if present >= FEW and declared > MAX_RATIO * present:
        return None
    return declared


def unwrapped_size(declared: int, present: int, trailing: int) -> int | None:
    """The size of sound whose 32-bit size wrapped around at 4 GiB; None if it didn't.

    At most `trailing` bytes follow the sound.
    """
    wraps, rest = divmod(present - declared, 1 << 32)
    return declared + (wraps << 32) if wraps > 0 and rest <= trailing else None
