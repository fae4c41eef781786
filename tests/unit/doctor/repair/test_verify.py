"""A repair is proved if nothing that was planned still fails and nothing got worse."""

from __future__ import annotations

from parakeet_cli.doctor.findings import CheckStatus, Finding
from parakeet_cli.doctor.repair.verify import objections


def found(id_: str, status: CheckStatus) -> Finding:
    return Finding(id_, status, "as it is")


def test_what_was_planned_and_still_fails_is_an_objection() -> None:
    before = [found("numpy-pin", CheckStatus.FAIL)]
    assert objections(before, before, {"numpy-pin"}) == ["numpy-pin still fails: as it is"]


def test_what_got_worse_is_an_objection() -> None:
    before, after = (
        [found("torch-family", CheckStatus.OK)],
        [found("torch-family", CheckStatus.FAIL)],
    )
    assert objections(before, after, set()) == ["torch-family got worse: as it is"]


def test_what_can_no_longer_be_read_got_worse() -> None:
    before, after = (
        [found("numpy-abi", CheckStatus.WARN)],
        [found("numpy-abi", CheckStatus.UNKNOWN)],
    )
    assert objections(before, after, set()) != []


def test_a_driver_that_failed_before_and_after_is_not_an_objection() -> None:
    before = [found("cuda-driver", CheckStatus.FAIL), found("numpy-pin", CheckStatus.FAIL)]
    after = [found("cuda-driver", CheckStatus.FAIL), found("numpy-pin", CheckStatus.OK)]
    assert objections(before, after, {"numpy-pin"}) == []
