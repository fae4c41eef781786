"""Edges, extras, intersections."""

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
from parakeet_cli.doctor.stack.requirement_strings import allows, parse_requirement
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import dist, having, healthy, lacking

WELL = healthy()


def test_only_the_extras_that_something_asks_for_count() -> None:
    facts = having(
        WELL,
        dist("fsspec", "2024.12.0", 'aiohttp; extra == "http"', 'paramiko; extra == "sftp"'),
        dist("datasets", "5.0", "fsspec[http]"),
    )
    graph = RequirementGraph(facts)
    assert [e.requirement.name for e in graph.requirements_of("fsspec")] == ["aiohttp"]
    assert graph.requirers_of("aiohttp")[0].extra == "http"
    assert graph.requirers_of("paramiko") == ()


def test_extras_of_extras_are_followed() -> None:
    facts = having(
        WELL,
        dist("a", "1", "b[x]"),
        dist("b", "1", 'c[y]; extra == "x"'),
        dist("c", "1", 'd; extra == "y"'),
    )
    assert [e.requirer for e in RequirementGraph(facts).requirers_of("d")] == ["c"]


def test_nemo_is_judged_with_its_asr_extra() -> None:
    graph = RequirementGraph(WELL)
    assert {e.extra for e in graph.requirers_of("lightning") if e.requirer == "nemo-toolkit"} == {
        "asr"
    }
    assert graph.requirers_of("wandb") == ()


def test_markers_are_those_of_the_target() -> None:
    requires = ("old; python_version < '3.11'", "new; python_version >= '3.11'")
    facts = having(WELL, dist("a", "1", *requires))
    assert [e.requirement.name for e in RequirementGraph(facts).requirements_of("a")] == ["new"]
    older = replace(facts, interpreter=replace(facts.interpreter, version="3.10.2"))
    assert [e.requirement.name for e in RequirementGraph(older).requirements_of("a")] == ["old"]


def test_a_marker_that_means_nothing_asks_nobody() -> None:
    facts = having(WELL, dist("a", "1", "b; colour == 'red'", "c"))
    assert [e.requirement.name for e in RequirementGraph(facts).requirements_of("a")] == ["c"]


def test_what_the_stack_needs_does_not_reach_through_what_it_does_not_need() -> None:
    facts = having(WELL, dist("optuna", "4.0", "alembic"), dist("alembic", "1.0"))
    facts = having(facts, dist("lhotse", "1.33", "intervaltree"), dist("intervaltree", "3.1"))
    needed = RequirementGraph(facts).needed(load_stack("2.4"))
    assert "intervaltree" in needed
    assert "alembic" not in needed
    assert "optuna" not in needed


@pytest.mark.parametrize(
    ("text", "name", "extras", "spec", "marker"),
    [
        ("numpy", "numpy", set(), "", ""),
        ("numpy>=1.26,<2.0", "numpy", set(), ">=1.26,<2.0", ""),
        ("hf_hub[cli,torch] >=0.24 ", "hf-hub", {"cli", "torch"}, ">=0.24", ""),
        ("a (>=1.0) ; extra == 'x'", "a", set(), ">=1.0", "extra == 'x'"),
        ("a@ https://example.org/a.whl ; python_version>'3'", "a", set(), "", "python_version>'3'"),
        ("ruamel.yaml~=0.18;os_name=='posix'", "ruamel-yaml", set(), "~=0.18", "os_name=='posix'"),
    ],
)  # fmt: skip
def test_a_requirement_is_taken_apart(
    text: str, name: str, extras: set[str], spec: str, marker: str
) -> None:
    parts = parse_requirement(text)
    assert parts is not None
    assert (parts.name, parts.extras, parts.spec, parts.marker) == (
        name,
        frozenset(extras),
        spec,
        marker,
    )


@pytest.mark.parametrize("text", ["", "!!", "-r other.txt", "a b c"])
def test_what_is_no_requirement_is_none(text: str) -> None:
    assert parse_requirement(text) is None


def test_a_version_that_is_no_version_is_within_nothing() -> None:
    assert not allows(">=1", "unknown")
    assert not allows("rubbish", "1.0")
    assert not allows(">=1", None)
    assert allows(">=2.7,<2.14", "2.13.0+cpu")


@pytest.mark.parametrize(
    ("specs", "any_at_all"),
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
def test_bounds_meet_or_do_not(specs: list[str], any_at_all: bool) -> None:
    assert satisfiable(specs) is any_at_all


RELEASES = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 3)).map(
    lambda parts: ".".join(map(str, parts))
)
CLAUSES = st.tuples(st.sampled_from([">=", "<=", ">", "<", "==", "!=", "~="]), RELEASES).map(
    "".join
)


@given(st.lists(CLAUSES, min_size=1, max_size=5), RELEASES)
def test_bounds_that_a_release_meets_are_never_called_empty(
    clauses: list[str], release: str
) -> None:
    if all(SpecifierSet(clause).contains(Version(release)) for clause in clauses):
        assert satisfiable(clauses)


@given(st.lists(CLAUSES, min_size=1, max_size=5))
def test_bounds_that_are_called_empty_are_met_by_no_release(clauses: list[str]) -> None:
    if satisfiable(clauses):
        return
    fine = [
        f"{a}.{b}.{c}.{d}" for a in range(6) for b in range(6) for c in range(5) for d in (0, 1)
    ]
    assert not any(all(SpecifierSet(c).contains(v) for c in clauses) for v in fine)


def test_the_core_is_the_smallest_conflict() -> None:
    edges = [("the stack", "==1.0"), ("a", ">=0.5"), ("b", ">=2"), ("c", "<3"), ("d", "")]
    assert smallest_conflict(edges) == (("the stack", "==1.0"), ("b", ">=2"))
    assert smallest_conflict(edges[:2]) == ()


def test_what_is_missing_still_has_edges() -> None:
    facts = lacking(WELL, "lightning")
    graph = RequirementGraph(facts)
    assert graph.version("lightning") is None
    assert [e.requirer for e in graph.requirers_of("lightning")] == ["nemo-toolkit"]
