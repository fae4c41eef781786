from __future__ import annotations

from parakeet_cli.doctor.findings import CheckStatus
from tests.doctor_facts import dist, having, lacking
from tests.unit.doctor.checks.cases import HEALTHY, check_one


def test_missing_and_violated_requirements_of_nemo_are_listed_separately() -> None:
    facts = having(lacking(HEALTHY, "lightning", "wrapt"), dist("omegaconf", "2.4.0"))
    finding = check_one("nemo-requirements", facts)
    assert finding.summary == "2 packages missing: lightning and wrapt; 1 bound violated: omegaconf"
    assert "missing: lightning>2.2.1,<2.3" in finding.detail
    assert "outside its bounds: omegaconf 2.4.0" in finding.detail


def test_an_unneeded_requirement_of_nemo_may_be_missing_but_not_violated() -> None:
    assert "optuna" in check_one("nemo-requirements", HEALTHY).detail
    wrong = having(HEALTHY, dist("sox", "1.6.0"))
    finding = check_one("nemo-requirements", wrong)
    assert finding.status is CheckStatus.FAIL
    assert "sox" in finding.summary


def test_requirements_of_needed_packages_are_checked() -> None:
    facts = having(HEALTHY, dist("lhotse", "1.33.0", "intervaltree>=3.1"))
    finding = check_one("nemo-requirements", facts)
    assert "missing: intervaltree>=3.1 (lhotse 1.33.0)" in finding.detail
