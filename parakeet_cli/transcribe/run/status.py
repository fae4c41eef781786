"""The progress of a run, read from its folder at any time, also while it is running.

What counts is the plan that the latest session recorded: what that command would do, has done
and has in hand. What the journal holds of other plans is counted apart.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from parakeet_cli.errors import OutputError, UsageError
from parakeet_cli.transcribe.inputs.shard import Shard
from parakeet_cli.transcribe.inputs.storage import is_url, state_of
from parakeet_cli.transcribe.run.journal import JOURNAL, JournalContent, RunEntry, read_journal
from parakeet_cli.transcribe.run.plan_file import (
    PLAN,
    PlanHeader,
    PlannedInput,
    RunPlan,
    read_plan,
)
from parakeet_cli.transcribe.run.run_folder import is_running
from parakeet_cli.transcribe.run.validity import output_holds, same_state
from parakeet_cli.transcribe.then.record import THEN, ThenContent, read_then
from parakeet_cli.transcript import Status

_DONE = (Status.OK, Status.PARTIAL)


@dataclass(slots=True)
class RunStatus:
    """The progress of a run, or of all shards of one. All seconds but `elapsed` are of audio."""

    folder: str
    running: bool = False
    total: int = 0  # inputs of the plan
    counts: dict[Status, int] = field(default_factory=lambda: dict.fromkeys(Status, 0))
    in_hand: list[str] = field(default_factory=list)  # inputs that a process works on
    earlier: int = 0  # results of other plans: inputs, options or versions of an input
    unreadable: int = 0  # lines of the journal
    seconds: float = 0.0  # done in all
    session_seconds: float = 0.0  # done since the latest session began
    session_planned: float = 0.0  # that it had to do
    elapsed: float = 0.0  # that it has taken so far
    failures: list[tuple[str, str, str]] = field(default_factory=list)  # input, status, reason
    shards: tuple[int, int] | None = None  # how many have begun, and how many there are
    then_failures: list[tuple[str, str]] = field(default_factory=list)  # input, reason

    @property
    def left(self) -> int:
        """How many inputs haven't ended, those in hand included."""
        return max(0, self.total - sum(self.counts.values()))

    @property
    def state(self) -> str:
        """`running`, `finished` if nothing is left, else `stopped`."""
        if self.running:
            return "running"
        return "stopped" if self.left else "finished"

    @property
    def speed(self) -> float | None:
        """RTFx of the latest session."""
        return self.session_seconds / self.elapsed if self.elapsed > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Wall-clock seconds until the end at the speed so far; None if that isn't known."""
        ahead = self.session_planned - self.session_seconds
        return ahead / self.speed if self.running and self.speed and ahead > 0 else None

    def as_json(self) -> dict[str, Any]:
        return {
            "schema": "parakeet.run/1",
            "folder": self.folder,
            "state": self.state,
            "running": self.running,
            "total": self.total,
            "inputs": self.total,
            "done": self.counts[Status.OK],
            "partial": self.counts[Status.PARTIAL],
            "failed": self.counts[Status.FAILED],
            "skipped": self.counts[Status.SKIPPED],
            "left": self.left,
            "in_hand": sorted(self.in_hand),
            "earlier": self.earlier,
            "audio_seconds": round(self.seconds, 3),
            "rtfx": None if self.speed is None else round(self.speed, 2),
            "seconds_left": None if self.seconds_left is None else round(self.seconds_left, 1),
            "unreadable_lines": self.unreadable,
            "shards": self.shards and {"begun": self.shards[0], "of": self.shards[1]},
            "failures": [
                {"input": name, "status": status, "reason": reason}
                for name, status, reason in self.failures
            ],
            **(
                {"then_failures": [{"input": key, "reason": why} for key, why in then]}
                if (then := self.then_failures)
                else {}
            ),
        }


@dataclass(slots=True)
class _Part:
    """What is recorded in the folder of a run, or of one of its shards."""

    folder: Path
    plan: RunPlan
    journal: JournalContent
    running: bool
    then: ThenContent

    @property
    def at(self) -> float:
        return max(self.plan.header.at, self.journal.since)


def read_status(folder: Path) -> RunStatus:
    """The status of the run in a folder. Raises UsageError if there is none, OutputError."""
    folders = [one for one in (folder, *sorted(folder.glob("shard-*"))) if (one / JOURNAL).exists()]
    if not folders:
        raise UsageError(
            f"There is no run in {folder}.",
            hint="`parakeet transcribe ... --run DIR` starts one.",
        )
    parts = [_read_part(one) for one in folders]
    latest = max(parts, key=lambda part: part.at)
    count = _shard_count(latest)
    current = [part for part in parts if _shard_count(part) == count]
    status = RunStatus(str(folder), unreadable=sum(part.journal.unreadable for part in parts))
    counted: set[str] = set()
    for part in current:
        _count(part, status, counted)
    if count is not None:
        status.shards = (len(current), count)
        if len(current) < count:
            status.total = max(status.total, latest.plan.header.total)
    every = {key for part in parts for key in part.journal.entries}
    status.earlier = len(every - counted)
    return status


def _read_part(folder: Path) -> _Part:
    # In this order: what ends meanwhile is then in hand or done, and never both or neither.
    running = is_running(folder)
    journal = read_journal(folder / JOURNAL)
    plan = read_plan(folder / PLAN) or _plan_of(journal)
    then = ThenContent()
    with suppress(OutputError):  # another user's says nothing
        then = read_then(folder / THEN)
    return _Part(folder, plan, journal, running, then)


def _plan_of(journal: JournalContent) -> RunPlan:
    """The plan of a run of version 0.1.0, which recorded only how many inputs there are."""
    newest = max(journal.entries.values(), key=lambda entry: entry.at, default=None)
    begun = list(journal.begun.values())
    options = begun[-1] if begun else newest.options if newest else ""
    keys = [key for key, entry in journal.entries.items() if entry.options == options]
    keys += journal.begun  # the journal's order, which the lists of the status have
    header = PlanHeader(journal.planned, journal.planned, options, at=journal.since)
    return RunPlan(header, {key: PlannedInput("") for key in keys})


def _shard_count(part: _Part) -> int | None:
    """Of how many shards the part is one; None for a run without shards."""
    if part.plan.header.shard is not None:
        return Shard.parse(part.plan.header.shard).count
    count = part.folder.name.rpartition("-of-")[2]
    return int(count) if part.folder.name.startswith("shard-") and count.isdecimal() else None


class _Verdict(Enum):
    """What a recorded result is to the plan."""

    HOLDS = "it counts"
    OTHER = "it is of another plan"
    LOST = "its output is gone"


def _count(part: _Part, status: RunStatus, counted: set[str]) -> None:
    """Add a part to the status, and to `counted` the keys whose results are of its plan."""
    plan, journal = part.plan, part.journal
    status.running = status.running or part.running
    status.then_failures += [(key, reason) for key, (_, reason) in part.then.failed.items()]
    status.total += plan.header.count
    session: list[RunEntry] = []  # what ended since it began
    for key, planned in plan.inputs.items():
        entry = journal.entries.get(key)
        verdict = _judge(key, entry, planned, part) if entry else None
        if entry is None and key not in journal.begun and _has_left(planned, plan.header):
            status.total -= 1  # it came under this name only for a while
            continue
        if verdict in (_Verdict.HOLDS, _Verdict.LOST):
            counted.add(key)
        if entry is not None and verdict is _Verdict.HOLDS:
            _count_result(status, key, entry.status, entry.reason)
            status.seconds += entry.seconds
            session += [entry] if entry.at >= part.at else []
        elif (settled := plan.settled.get(key)) is not None:
            _count_result(status, key, settled.status, settled.reason)
        elif part.running and journal.begun.get(key) == plan.header.options:
            status.in_hand.append(key)
    if journal.since >= plan.header.at:  # else the session still reads headers
        status.session_planned += journal.seconds
    status.session_seconds += sum(entry.seconds for entry in session)
    if session:
        elapsed = max(entry.at for entry in session) - part.at
        status.elapsed = max(status.elapsed, elapsed)


def _has_left(planned: PlannedInput, plan: PlanHeader) -> bool:
    """Whether an input has left a watched folder."""
    return plan.watched and state_of(planned.path) is None


def _count_result(status: RunStatus, key: str, how: Status, reason: str | None) -> None:
    status.counts[how] += 1
    if how in (Status.FAILED, Status.PARTIAL):
        status.failures.append((key, str(how), reason or ""))


def _judge(key: str, entry: RunEntry, planned: PlannedInput, part: _Part) -> _Verdict:
    """Whether a result is one of this plan, and whether its outputs are still there.

    What has left a watched folder was done before that, and its outputs may have left with it. What
    `--then` did with outputs is its own affair.
    """
    plan = part.plan.header
    if entry.options != plan.options:
        return _Verdict.OTHER
    if _has_left(planned, plan):
        return _Verdict.HOLDS
    path = planned.path
    if path and not is_url(path) and not same_state(entry.identity, state_of(path)):
        return _Verdict.OTHER
    if entry.status not in _DONE:
        return _Verdict.HOLDS
    if planned.outputs is not None and planned.outputs != tuple(one[0] for one in entry.outputs):
        return _Verdict.OTHER
    if part.then.has_had(key, entry.identity, entry.options):
        return _Verdict.HOLDS
    # Of an object it isn't asked: the status needs no credentials, and no network.
    for output in entry.outputs:
        if not is_url(output[0]) and not output_holds(output[0], output):
            return _Verdict.LOST
    return _Verdict.HOLDS
