from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.doctor.checks.common import (
    CheckContext,
    activated_elsewhere,
    bounded_name,
    conflict_line,
    count,
    install_command,
    join_names,
    pip_command,
    reinstall_commands,
    repair_remedy,
    requirement_texts,
    requirer_lines,
)
from parakeet_cli.doctor.facts import Facts
from parakeet_cli.doctor.stack.requirement_graph import Edge
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import dist, having, healthy

STACK = load_stack("2.4")
FACTS = healthy()


@pytest.mark.parametrize(
    ("items", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdef"), "a, b, c, d, e and f"),
        (list("abcdefgh"), "a, b, c, d, e, f and 2 more"),
    ],
)
def test_names_are_listed_in_words_and_no_more_than_can_be_read(
    items: list[str], text: str
) -> None:
    assert join_names(items) == text


def test_a_number_has_its_word_in_the_right_form() -> None:
    assert [count(number, "file") for number in (0, 1, 2)] == ["0 files", "1 file", "2 files"]
    assert count(2, "library", "libraries") == "2 libraries"


def test_a_command_is_for_the_examined_interpreter_and_a_shell() -> None:
    interpreter = replace(FACTS.interpreter, executable="/my env/bin/python")
    facts = replace(FACTS, interpreter=interpreter)
    assert pip_command(facts, "install", "numpy<2") == (
        "'/my env/bin/python' -m pip install 'numpy<2'"
    )


def test_pins_are_installed_with_their_bounds() -> None:
    numpy, nemo = STACK.pin("numpy"), STACK.nemo
    assert numpy is not None
    command = install_command(FACTS, [numpy, nemo], "--no-deps")
    assert command.startswith("/env/bin/python -m pip install --no-deps ")
    assert bounded_name(numpy) == f"numpy{numpy.spec}"
    assert f"numpy{numpy.spec}" in command
    assert command.endswith(f" {nemo.requirement.text}")


def test_what_has_no_pin_is_installed_by_its_name() -> None:
    numpy = STACK.pin("numpy")
    assert numpy is not None
    assert requirement_texts(["numpy", "six"], STACK) == [numpy.requirement.text, "six"]


def test_what_is_installed_again_keeps_its_version_and_torch_its_index() -> None:
    facts = having(
        FACTS, dist("torch", "2.9.1+cu128"), dist("six", "1.16.0"), dist("numpy", "2.3.0")
    )
    numpy = STACK.pin("numpy")
    assert numpy is not None
    torch, others = reinstall_commands(facts, STACK, ["six", "torch", "numpy"], "--no-deps")
    assert torch.endswith(f"--no-deps torch==2.9.1+cu128 --index-url {STACK.torch_index}")
    # This NumPy is outside the stack's pin, so the pin is installed in its place.
    assert shlex.split(others)[-3:] == ["--no-deps", "six==1.16.0", numpy.requirement.text]
    untagged = having(FACTS, dist("torch", "2.9.1"))
    [command] = reinstall_commands(untagged, STACK, ["torch"])
    assert command.endswith("install torch==2.9.1")


def test_a_remedy_is_the_repair_and_then_the_same_by_hand() -> None:
    assert repair_remedy(FACTS, "pip check", "pip list").splitlines() == [
        FACTS.repair_command,
        "by hand: pip check",
        "by hand: pip list",
    ]


def edges_from(who: str, facts: Facts) -> list[Edge]:
    """What this distribution requires of numpy."""
    edges = CheckContext(facts, STACK).graph.requirers_of("numpy")
    return [edge for edge in edges if edge.requirer == who]


def test_requirers_are_named_with_whether_they_are_met() -> None:
    facts = having(FACTS, dist("numba", "0.68.1", "numpy<2.5,>=1.22", 'numpy<2; extra == "cuda"'))
    edges = edges_from("numba", facts)
    lines = requirer_lines(edges, "2.4.6")
    assert "numba 0.68.1 requires numpy<2.5,>=1.22: met" in lines
    assert all("NOT met" not in line for line in lines)
    assert requirer_lines(edges, "2.6.0")[0].endswith("NOT met")
    assert conflict_line("numpy", STACK.pin("numpy"), edges) == ""


def test_bounds_that_no_version_meets_are_set_against_each_other() -> None:
    facts = having(FACTS, dist("numba", "0.68.1", "numpy>=3"))
    edges = edges_from("numba", facts)
    line = conflict_line("numpy", STACK.pin("numpy"), edges)
    assert line.startswith("no version of numpy meets all requirements: ")
    assert "(the stack)" in line
    assert "numpy>=3 (numba 0.68.1)" in line


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, False),
        ({"CONDA_PREFIX": "{root}/other"}, True),
        ({"CONDA_PREFIX": "{root}/env"}, False),
        ({"CONDA_PREFIX": "{root}/link"}, False),
        ({"CONDA_PREFIX": "{root}/its-base"}, False),  # a virtual environment made from it
        ({"CONDA_PREFIX": "{root}/other", "VIRTUAL_ENV": "{root}/env"}, False),
        ({"CONDA_PREFIX": "{root}/other", "VIRTUAL_ENV": "{root}/elsewhere"}, True),
        ({"CONDA_PREFIX": "{root}/base"}, False),  # conda's base is active in every shell
    ],
)
def test_another_environment_that_is_activated_is_named(
    variables: dict[str, str], told: bool, tmp_path: Path
) -> None:
    (tmp_path / "base" / "condabin").mkdir(parents=True)
    (tmp_path / "env").mkdir()
    (tmp_path / "link").symlink_to("env")
    target = replace(
        FACTS.interpreter,
        executable=sys.executable,
        prefix=str(tmp_path / "env"),
        base_prefix=str(tmp_path / "its-base"),
    )
    given = {name: value.format(root=tmp_path) for name, value in variables.items()}
    facts = replace(FACTS, interpreter=target, variables=given)
    other = activated_elsewhere(facts)
    assert (other is not None and other.path == str(tmp_path / "other")) == told
    assert (other is None) == (not told)
    # Whoever names an environment means that one.
    assert activated_elsewhere(replace(facts, options=("--python", "env"))) is None
    another = replace(target, executable="/other/bin/python")
    assert activated_elsewhere(replace(facts, interpreter=another)) is None
