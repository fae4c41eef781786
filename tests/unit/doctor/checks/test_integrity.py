from __future__ import annotations

from dataclasses import replace

import pytest

from parakeet_cli.doctor.facts import Binaries, CondaRecord, Facts, Leftover, NumpyAbi, PthFile
from parakeet_cli.doctor.findings import NOTHING_TO_DO, CheckStatus
from tests.doctor_facts import SITE, dist, having
from tests.unit.doctor.checks.cases import HEALTHY, check_one


def test_a_leftover_of_an_interrupted_pip_is_reported_with_the_command_that_removes_it() -> None:
    finding = check_one("duplicate-dists", replace(HEALTHY, leftovers=(Leftover(f"{SITE}/~umpy"),)))
    assert finding.status is CheckStatus.FAIL
    assert "~umpy" in finding.summary
    assert f"rm -r '{SITE}/~umpy'" in finding.remedy


def test_different_records_of_conda_and_pip_are_found() -> None:
    records = (
        CondaRecord("numpy", "2.1.0", (("numpy", "2.1.0"),)),
        CondaRecord("scipy", "1.17.1", (("scipy", "1.17.1"),)),
        CondaRecord("pytorch", "2.5.1", (("torch", "2.5.1"),)),
        CondaRecord("sox", "14.4.2"),  # the program, beside pip's package of that name
    )
    finding = check_one("duplicate-dists", replace(HEALTHY, conda=records))
    assert "numpy: conda's record says 2.1.0" in finding.detail
    assert "torch: conda's record of pytorch says 2.5.1" in finding.detail
    assert finding.packages == ("numpy", "torch")


def test_a_file_built_for_numpy_1_is_reported_with_its_package() -> None:
    abi = NumpyAbi(f"{SITE}/editdistance/_d.so", "editdistance", None)
    facts = having(replace(HEALTHY, binaries=Binaries((abi,), total=1)), dist("numpy", "2.4.6"))
    finding = check_one("numpy-abi", facts)
    assert finding.status is CheckStatus.FAIL
    assert "editdistance" in finding.summary
    assert abi.path in finding.detail
    assert (
        check_one("numpy-abi", replace(facts, distributions=HEALTHY.distributions)).status == "ok"
    )


def test_a_copy_that_nothing_imports_may_be_broken() -> None:
    whole = next(dist for dist in HEALTHY.distributions if dist.name == "numpy")
    broken = replace(dist("numpy", "2.4.6", location="/base/site"), missing=("numpy/__init__.py",))
    behind = replace(HEALTHY, distributions=(*HEALTHY.distributions, broken))
    assert check_one("broken-dists", behind).status is CheckStatus.OK
    before = replace(HEALTHY, distributions=(broken, *HEALTHY.distributions))
    assert check_one("broken-dists", before).status is CheckStatus.FAIL
    assert whole.location != broken.location


def test_a_user_site_behind_the_environment_s_own_folder_hides_nothing_in_it() -> None:
    own, base = next(one for one in HEALTHY.distributions if one.name == "numpy"), "/base/site"
    users = dist("numpy", "1.26.0", location="/home/u/site")
    in_base = dist("numpy", "2.4.6", location=base)
    paths = (SITE, "/home/u/site", base)
    target = replace(HEALTHY.interpreter, user_site="/home/u/site", paths=paths)
    others = tuple(one for one in HEALTHY.distributions if one.name != "numpy")
    behind = replace(HEALTHY, interpreter=target, distributions=(*others, own, users, in_base))
    assert check_one("user-site", behind).status is CheckStatus.OK
    before = replace(behind, distributions=(*others, users, in_base))
    assert check_one("user-site", before).status is CheckStatus.FAIL


@pytest.mark.parametrize(
    "name",
    [
        "__editable__.nemo_toolkit-2.4.0.pth",
        "_editable_impl_nemo_toolkit.pth",
        "_nemo_toolkit.pth",
        "nemo_toolkit.pth",
        "_nemo_toolkit_editable.pth",
    ],
)
def test_a_part_of_the_stack_that_was_installed_in_place_and_is_gone_is_broken(name: str) -> None:
    pth = PthFile(f"{SITE}/{name}", dangling=("/gone/NeMo/nemo",))
    finding = check_one("broken-dists", with_pth(pth))
    assert finding.status is CheckStatus.FAIL
    assert finding.packages == ("nemo-toolkit",)
    assert "names /gone/NeMo/nemo, which doesn't exist" in finding.detail


def test_a_project_of_ones_own_that_is_gone_is_worth_knowing_and_not_replaced() -> None:
    pth = PthFile(f"{SITE}/__editable__.mine-1.0.pth", dangling=("/gone/mine",))
    facts = having(with_pth(pth), dist("mine", "1.0"))
    finding = check_one("broken-dists", facts)
    assert finding.status is CheckStatus.WARN
    assert finding.summary.endswith("mine")
    assert finding.remedy.endswith("/env/bin/python -m pip install -e FOLDER")
    assert finding.detail.count("/gone/mine") == 1


def test_a_folder_of_no_distribution_is_an_oddity() -> None:
    finding = check_one("broken-dists", with_pth(PthFile(f"{SITE}/a.pth", dangling=("/gone",))))
    assert finding.status is CheckStatus.WARN
    assert finding.remedy.startswith(NOTHING_TO_DO)


def with_pth(pth: PthFile) -> Facts:
    return replace(HEALTHY, interpreter=replace(HEALTHY.interpreter, pth_files=(pth,)))
