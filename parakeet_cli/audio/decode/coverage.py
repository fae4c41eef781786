"""What a file promised against what came out of it, to the sample."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from parakeet_cli.transcript import Accounting, Basis, Lost

DAMAGED = "damaged: this stretch could not be decoded"
ENDS_EARLY = "the file ends before the length that its header promises"
ENDS_BEFORE_PART = "the file ends before the part of it that was asked for"
JUMP = "missing: the timestamps of the file jump over this stretch"
NO_END_MARK = "the file ends without its end-of-stream mark: the rest is missing, of unknown length"

LEAST = 1e-4  # seconds; timestamps are no finer, and a stretch shorter than this is none


@dataclass(frozen=True, slots=True)
class DeclaredDuration:
    """How long a file says it is, in seconds on its clock.

    `exact` counts samples, and what is missing from it is lost; an `estimated` length is
    derived from a bit rate and never makes a loss. `slack` is by how much a healthy file
    of this kind may fall short: a container's rounding, an encoder's padding.
    `until` is how long there is known to have been sound: `seconds` where that is exact;
    a file that was cut off may be known to have gone on a little even where its whole
    length is not.
    """

    seconds: float | None = None
    basis: Basis = "none"
    slack: float = 0.0
    reason: str = ENDS_EARLY
    until: float | None = None


@dataclass(slots=True)
class Coverage:
    """Every stretch that was heard and every one that was not."""

    heard: list[tuple[float, float]] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    begin: float = 0.0  # where the sound starts on the source's clock

    @property
    def end(self) -> float:
        return self.heard[-1][1] if self.heard else self.begin

    @property
    def until(self) -> float:
        """Where the sound ends, heard or lost."""
        return max(self.end, self.lost[-1].end if self.lost else 0.0)

    def place(self, start: float, end: float, reason: str = DAMAGED) -> None:
        """Sound was heard from `start` to `end`; a gap before it is lost for `reason`."""
        if start - self.end > LEAST:
            self.lost.append(Lost(self.end, start, reason))
            self.heard.append((start, end))
        elif self.heard:
            self.heard[-1] = (self.heard[-1][0], end)
        else:
            self.heard.append((min(start, self.begin), end))

    def lose_until(self, end: float, reason: str) -> None:
        """Nothing more was heard, though there was sound until `end`."""
        if end - self.until > LEAST:
            self.lost.append(Lost(self.until, end, reason))

    def account(
        self, promise: DeclaredDuration, damaged_packets: int, start: float, end: float | None
    ) -> Accounting:
        """The sum for what lies from `start` to `end`; heard and lost add up to expected."""
        last = math.inf if end is None else end
        lost = tuple(
            Lost(round(max(one.start, start), 6), round(min(one.end, last), 6), one.reason)
            for one in self.lost
            if min(one.end, last) - max(one.start, start) > LEAST
        )
        # Microseconds are finer than any sample, and sums of floats are ragged after them.
        heard = round(
            sum(max(0.0, min(stop, last) - max(begin, start)) for begin, stop in self.heard), 6
        )
        expected = round(heard + sum(one.seconds for one in lost), 6)
        basis = promise.basis
        if basis == "exact" and self.end - (promise.seconds or 0.0) > promise.slack + 0.1:
            basis = "estimated"  # more came out than the header knows of
        accounting = Accounting(
            expected_seconds=None if basis == "none" else expected,
            expected_basis=basis,
            decoded_seconds=heard,
            lost=lost,
            damaged_packets=damaged_packets,
        )
        _check(accounting)
        return accounting


def _check(accounting: Accounting) -> None:
    """Heard and lost stretches are apart, in order, and add up."""
    ends = [0.0]
    for one in accounting.lost:
        assert one.start >= ends[-1] - LEAST, f"lost stretches overlap: {accounting.lost}"
        ends.append(one.end)
    if accounting.expected_seconds is not None:
        total = accounting.decoded_seconds + accounting.lost_seconds
        assert math.isclose(total, accounting.expected_seconds, abs_tol=LEAST), accounting
