"""Compares what was decoded with what the file declared, to the sample."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from parakeet_cli.transcript import Accounting, Basis, LostInterval

DAMAGED = "damaged: this stretch could not be decoded"
ENDS_EARLY = "the file ends before the length that its header promises"
ENDS_BEFORE_PART = "the file ends before the part of it that was asked for"
JUMP = "missing: the timestamps of the file jump over this stretch"
PAUSE = ""  # a gap that the file itself declares: nothing was ever there
NOT_FOUND = "missing: the file's index lists more sound than was found, so it lacks this much"
CUT_PACKET = "the file ends within a packet: the rest is missing, of unknown length"
UNREAD = "the file goes on here, but with nothing that can be recognised as sound"
NO_END_MARK = "the file ends without its end-of-stream mark: the rest is missing, of unknown length"

MIN_GAP = 1e-4  # seconds; timestamps aren't finer, so a shorter gap isn't one


@dataclass(frozen=True, slots=True)
class DeclaredDuration:
    """The duration that a file declares, in seconds on its clock.

    An `exact` one counts samples, and what is missing from it is lost; an `estimated` one
    is derived from a bit rate and never makes a loss. A healthy file of this kind may be
    shorter by `slack`: a container's rounding, an encoder's padding.
    `known_until` is the time up to which there certainly was audio: `seconds` if that is
    exact; of a file that was cut off, a little more may be known than was decoded.
    """

    seconds: float | None = None
    basis: Basis = "none"
    slack: float = 0.0
    reason: str = ENDS_EARLY
    known_until: float | None = None

    def basis_after(self, decoded: float) -> Basis:
        """The basis, once it is known how many seconds there are."""
        if self.basis == "exact" and decoded - (self.seconds or 0.0) > self.slack + 0.1:
            return "estimated"  # there was more audio than the header declares
        return self.basis


@dataclass(slots=True)
class Coverage:
    """The decoded and the lost intervals of one file."""

    decoded: list[tuple[float, float]] = field(default_factory=list)
    lost: list[LostInterval] = field(default_factory=list)
    begin: float = 0.0  # start of the audio on the source's clock

    @property
    def decoded_end(self) -> float:
        return self.decoded[-1][1] if self.decoded else self.begin

    @property
    def end(self) -> float:
        """The end of the audio, decoded or lost."""
        return max(self.decoded_end, self.lost[-1].end) if self.lost else self.decoded_end

    def add(self, start: float, end: float, reason: str = DAMAGED) -> None:
        """Add a decoded interval. A gap before it is lost, for `reason`, but for a pause."""
        if start - self.end > MIN_GAP and reason != PAUSE:
            self.lost.append(LostInterval(self.end, start, reason))
        if start - self.decoded_end > MIN_GAP:
            self.decoded.append((start, end))
        elif self.decoded:
            self.decoded[-1] = (self.decoded[-1][0], end)
        else:
            self.decoded.append((min(start, self.begin), end))

    def lose_until(self, end: float, reason: str) -> None:
        """Everything after the last interval and before `end` is lost."""
        if end - self.end > MIN_GAP:
            self.lost.append(LostInterval(self.end, end, reason))

    def account(
        self, basis: Basis, damaged_packets: int, start: float, end: float | None
    ) -> Accounting:
        """The totals between `start` and `end`; decoded and lost add up to expected."""
        last = math.inf if end is None else end
        lost = tuple(
            LostInterval(round(max(one.start, start), 6), round(min(one.end, last), 6), one.reason)
            for one in self.lost
            if min(one.end, last) - max(one.start, start) > MIN_GAP
        )
        # Microseconds are finer than any sample; further digits are rounding errors of sums.
        decoded = round(
            sum(max(0.0, min(stop, last) - max(begin, start)) for begin, stop in self.decoded), 6
        )
        expected = round(decoded + sum(one.seconds for one in lost), 6)
        accounting = Accounting(
            expected_seconds=None if basis == "none" else expected,
            expected_basis=basis,
            decoded_seconds=decoded,
            lost=lost,
            damaged_packets=damaged_packets,
        )
        _check(accounting)
        return accounting


def _check(accounting: Accounting) -> None:
    """Assert that the lost intervals are in order, don't overlap, and add up."""
    ends = [0.0]
    for one in accounting.lost:
        assert one.start >= ends[-1] - MIN_GAP, f"lost intervals overlap: {accounting.lost}"
        ends.append(one.end)
    if accounting.expected_seconds is not None:
        total = accounting.decoded_seconds + accounting.lost_seconds
        assert math.isclose(total, accounting.expected_seconds, abs_tol=MIN_GAP), accounting
