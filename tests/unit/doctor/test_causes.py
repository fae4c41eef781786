"""The cause comes first, and what only follows from it is attached to it."""

from __future__ import annotations

from parakeet_cli.doctor.causes import find_causes
from parakeet_cli.doctor.findings import CheckStatus, Finding


def failed(id_: str, *packages: str, missing: tuple[str, ...] = (), stages: tuple[int, ...] = (1,)) -> Finding:  # fmt: skip  # noqa: E501
    return Finding(
        id_, CheckStatus.FAIL, id_, stages=stages, packages=(*packages, *missing), missing=missing
    )


def shape(*findings: Finding) -> list[tuple[str, list[str]]]:
    return [
        (cause.finding.id, [one.id for one in cause.follows]) for cause in find_causes(findings)
    ]


def test_what_passed_or_was_skipped_is_no_cause() -> None:
    assert shape(
        Finding("a", CheckStatus.OK, ""), Finding("b", CheckStatus.SKIP, "")
    ) == []  # fmt: skip


def test_a_python_that_does_not_start_explains_everything() -> None:
    unknown = Finding("gpu-probe", CheckStatus.UNKNOWN, "")
    found = shape(failed("numpy-pin", "numpy"), unknown, failed("python-version", stages=()))
    assert found == [("python-version", ["numpy-pin", "gpu-probe"])]


def test_numpy_outside_its_bounds_explains_compiled_files_and_the_import() -> None:
    found = shape(
        failed("numpy-pin", "numpy"),
        failed("numpy-abi", "numba", "scipy"),
        failed("import-probe"),
        failed("torchmetrics-pin", "torchmetrics"),
    )
    assert found == [
        ("numpy-pin", ["numpy-abi", "import-probe"]),
        ("torchmetrics-pin", []),
    ]


def test_packages_that_are_missing_together_are_one_cause() -> None:
    many = tuple(f"p{number}" for number in range(28))
    findings = (
        failed("torch-installed", missing=("torch",)),
        failed("nemo-version", missing=("nemo-toolkit",)),
        failed("nemo-requirements", missing=many),
    )
    [cause] = find_causes(findings)
    assert cause.finding.id == "nemo-version"
    assert cause.missing == ("torch", *many)


def test_a_violated_bound_beside_missing_packages_is_a_cause_of_its_own() -> None:
    mixed = failed("nemo-requirements", "numpy", missing=("wrapt",))
    assert shape(failed("nemo-version", missing=("nemo-toolkit",)), mixed) == [
        ("nemo-version", []),
        ("nemo-requirements", []),
    ]


def test_hidden_packages_come_before_the_pins_that_they_break() -> None:
    for hiding in ("environment-variables", "user-site"):
        found = shape(
            failed("numpy-pin", "numpy"),
            failed("numpy-abi", "scipy"),
            failed(hiding, "numpy", stages=()),
            failed("fsspec-pin", "fsspec"),
        )
        assert found == [(hiding, ["numpy-pin", "numpy-abi"]), ("fsspec-pin", [])]


def test_a_driver_that_no_step_replaces_comes_before_repairs() -> None:
    found = shape(
        failed("numpy-pin", "numpy"), failed("cuda-driver", stages=()), failed("gpu-probe")
    )
    assert found == [("cuda-driver", ["gpu-probe"]), ("numpy-pin", [])]
    repairable = shape(failed("numpy-pin", "numpy"), failed("cuda-driver", stages=(2,)))
    assert [id_ for id_, _ in repairable] == ["numpy-pin", "cuda-driver"]


def test_a_failed_import_alone_is_its_own_cause_and_the_gpu_is_none_of_it() -> None:
    assert shape(failed("import-probe")) == [("import-probe", [])]
    found = shape(failed("import-probe"), failed("torch-arch"))
    assert found == [("torch-arch", []), ("import-probe", [])]


def test_a_warning_explains_no_failure() -> None:
    warning = Finding("numpy-pin", CheckStatus.WARN, "", packages=("numpy",))
    assert shape(warning, failed("python-version")) == [("python-version", []), ("numpy-pin", [])]
    assert shape(warning, failed("numpy-abi", "scipy")) == [("numpy-abi", []), ("numpy-pin", [])]
