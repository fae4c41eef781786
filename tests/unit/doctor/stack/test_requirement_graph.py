from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from parakeet_cli.doctor.stack.requirement_graph import (
    RequirementGraph,
    satisfiable,
    smallest_conflict,
)
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import dist, having, healthy, lacking

HEALTHY = healthy()


def test_an_extra_counts_only_if_something_requires_it() -> None:
    facts = having(
        HEALTHY,
        dist("fsspec", "2024.12.0", 'aiohttp; extra == "http"', 'paramiko; extra == "sftp"'),
        dist("datasets", "5.0", "fsspec[http]"),
    )
    graph = RequirementGraph(facts)
    assert [e.requirement.name for e in graph.requirements_of("fsspec")] == ["aiohttp"]
    assert graph.requirers_of("aiohttp")[0].extra == "http"
    assert graph.requirers_of("paramiko") == ()


def test_extras_of_extras_are_followed() -> None:
    facts = having(
        HEALTHY,
        dist("a", "1", "b[x]"),
        dist("b", "1", 'c[y]; extra == "x"'),
        dist("c", "1", 'd; extra == "y"'),
    )
    assert [e.requirer for e in RequirementGraph(facts).requirers_of("d")] == ["c"]


def test_nemo_is_checked_with_its_asr_extra() -> None:
    graph = RequirementGraph(HEALTHY)
    assert {e.extra for e in graph.requirers_of("lightning") if e.requirer == "nemo-toolkit"} == {
        "asr"
    }
    assert graph.requirers_of("wandb") == ()


def test_markers_are_evaluated_for_the_target() -> None:
    requires = ("old; python_version < '3.11'", "new; python_version >= '3.11'")
    facts = having(HEALTHY, dist("a", "1", *requires))
    assert [e.requirement.name for e in RequirementGraph(facts).requirements_of("a")] == ["new"]
    older = replace(facts, interpreter=replace(facts.interpreter, version="3.10.2"))
    assert [e.requirement.name for e in RequirementGraph(older).requirements_of("a")] == ["old"]


def test_a_requirement_with_an_invalid_marker_is_ignored() -> None:
    facts = having(HEALTHY, dist("a", "1", "b; colour == 'red'", "c"))
    assert [e.requirement.name for e in RequirementGraph(facts).requirements_of("a")] == ["c"]


def test_requirements_of_unneeded_packages_are_not_needed() -> None:
    facts = having(HEALTHY, dist("optuna", "4.0", "alembic"), dist("alembic", "1.0"))
    facts = having(facts, dist("lhotse", "1.33", "intervaltree"), dist("intervaltree", "3.1"))
    needed = RequirementGraph(facts).needed(load_stack("2.4"))
    assert "intervaltree" in needed
    assert "alembic" not in needed
    assert "optuna" not in needed


@pytest.mark.parametrize(
    ("specs", "expected"),
    [
        (["==2024.12.0", ">=2025.1"], False),
        (["==2024.12.0", ">=2023.1,<=2025.3"], True),
        ([">2.2.1,<=2.4.0", "<2.3"], True),
        ([">2.2", "<2.2.1"], True),
        (["<2.0", ">=2.0"], False),
        (["~=5.29.5", ">=6"], False),
        (["~=5.29.5", ">=5.29.6"], True),
        (["==2.4.*", "!=2.4.0", "<2.5"], True),
        (["==1.0", "!=1.0"], False),
        ([">=2.0.0rc1", "<3"], True),
        (["rubbish", ">=1"], False),
        ([], True),
        (["", ">=1"], True),
    ],
)
def test_bounds_have_a_common_version_or_not(specs: list[str], expected: bool) -> None:
    assert satisfiable(specs) is expected


RELEASES = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)).map(
    lambda parts: ".".join(map(str, parts))
)
CLAUSES = st.tuples(st.sampled_from([">=", "<=", ">", "<", "==", "!=", "~="]), RELEASES).map(
    "".join
)


@given(st.lists(CLAUSES, min_size=1, max_size=5), RELEASES)
def test_bounds_that_a_release_meets_are_satisfiable(clauses: list[str], release: str) -> None:
    if all(SpecifierSet(clause).contains(Version(release)) for clause in clauses):
        assert satisfiable(clauses)


@given(st.lists(CLAUSES, min_size=1, max_size=5))
def test_no_release_meets_unsatisfiable_bounds(clauses: list[str]) -> None:
    if satisfiable(clauses):
        return
    releases = [
        f"{a}.{b}.{c}.{d}" for a in range(6) for b in range(6) for c in range(5) for d in (0, 1)
    ]
    assert not any(all(SpecifierSet(c).contains(v) for c in clauses) for v in releases)


def test_the_smallest_conflict_leaves_out_what_can_be_met() -> None:
    edges = [("the stack", "==1.0"), ("a", ">=0.5"), ("b", ">=2"), ("c", "<3"), ("d", "")]
    assert smallest_conflict(edges) == (("the stack", "==1.0"), ("b", ">=2"))
    assert smallest_conflict(edges[:2]) == ()


def test_a_missing_distribution_has_edges() -> None:
    facts = lacking(HEALTHY, "lightning")
    graph = RequirementGraph(facts)
    assert graph.version("lightning") is None
    assert [e.requirer for e in graph.requirers_of("lightning")] == ["nemo-toolkit"]
