from __future__ import annotations

from dataclasses import replace

from parakeet_cli.doctor.facts import Facts, Unavailable
from parakeet_cli.doctor.findings import CheckStatus
from tests.doctor_facts import built, dist, gpu, having, healthy
from tests.unit.doctor.checks.cases import HEALTHY, check_one


def test_a_conflict_shows_every_requirement_and_which_contradict() -> None:
    facts = having(
        HEALTHY,
        dist("fsspec", "2026.10.0"),
        dist("datasets", "9.0", "fsspec>=2025.1"),
        dist("s3fs", "2026.10", "fsspec==2026.10.0"),
    )
    finding = check_one("fsspec-pin", facts)
    assert finding.status is CheckStatus.FAIL
    assert "nemo-toolkit 2.4.0 requires fsspec==2024.12.0: NOT met" in finding.detail
    assert "datasets 9.0 requires fsspec>=2025.1: met" in finding.detail
    assert "s3fs 2026.10 requires fsspec==2026.10.0: met" in finding.detail
    assert "no version of fsspec meets all requirements" in finding.detail


def test_a_version_within_its_pin_can_violate_another_requirement() -> None:
    needed = having(HEALTHY, dist("datasets", "9.0", "fsspec>=2025.1"))
    stranger = having(HEALTHY, dist("s3fs", "2026.10", "fsspec>=2026"))
    assert check_one("fsspec-pin", needed).status is CheckStatus.FAIL
    assert check_one("fsspec-pin", stranger).status is CheckStatus.WARN
    assert "s3fs 2026.10 (fsspec>=2026)" in check_one("fsspec-pin", stranger).summary


def test_torch_files_and_metadata_of_two_releases_are_a_failure() -> None:
    facts = replace(HEALTHY, torch=built("2.9.1+cpu", None))
    finding = check_one("torch-installed", facts)
    assert finding.status is CheckStatus.FAIL
    assert "2.9.1+cpu" in finding.summary
    assert "2.13.0" in finding.summary


def test_setuptools_without_pkg_resources_is_a_failure_whatever_its_version() -> None:
    finding = check_one("setuptools-pkg-resources", replace(HEALTHY, pkg_resources=False))
    assert finding.status is CheckStatus.FAIL
    assert "pkg_resources is missing" in finding.summary


def test_each_stack_has_its_own_bounds() -> None:
    numpy2 = healthy("3.0")
    assert check_one("numpy-pin", numpy2, "3.0").status is CheckStatus.OK
    assert check_one("numpy-pin", numpy2, "2.4").status is CheckStatus.FAIL
    assert (
        check_one("pyarrow-numpy", having(numpy2, dist("pyarrow", "26.0.1")), "3.0").status == "ok"
    )
    assert check_one("lightning-pair", numpy2, "3.0").status is CheckStatus.SKIP


def test_a_missing_torch_is_installed_by_hand_from_the_index_that_suits_the_gpu() -> None:
    without = without_torch(HEALTHY)
    assert by_hand(without).endswith("/cpu")
    assert by_hand(replace(without, gpus=gpu("8.9", "L4"))).endswith("/cu128")
    assert by_hand(replace(without, gpus=Unavailable("no answer"))).endswith("/cu128")


def without_torch(facts: Facts) -> Facts:
    others = tuple(dist for dist in facts.distributions if dist.name != "torch")
    return replace(facts, distributions=others, torch=None)


def by_hand(facts: Facts) -> str:
    """The second line of the remedy, whose end is the index."""
    finding = check_one("torch-installed", facts)
    assert finding.status is CheckStatus.FAIL
    _, command = finding.remedy.splitlines()
    assert "--index-url https://" in command
    return command
