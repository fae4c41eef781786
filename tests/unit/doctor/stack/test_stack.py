"""The stacks are those of the guide, and their versions are in the requirements files only."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from parakeet_cli.doctor.stack import stack as policy
from parakeet_cli.doctor.stack.stack import choose_stack, load_stack, stack_names
from parakeet_cli.errors import ParakeetError, UsageError
from parakeet_cli.system.ml_versions import normalized_name

ROOT = Path(__file__).resolve().parents[4]
DOCUMENTED = {
    "numpy": (1, ">=1.26,<2.0"),
    "scipy": (1, ">=1.11"),
    "torch": (2, ">=2.7,<2.14"),
    "fsspec": (3, "==2024.12.0"),
    "numba": (3, ">=0.60"),
    "librosa": (3, ">=0.10"),
    "pytorch-lightning": (4, ">=2.0,<2.3"),
    "torchmetrics": (4, ">=0.11,<1.5"),
    "nemo-toolkit": (5, "==2.4.0"),
}
STAGE_6 = ("hydra-core", "omegaconf", "sentencepiece", "sacremoses", "inflect", "editdistance")


def test_the_default_stack_is_the_one_of_the_guide_in_its_order() -> None:
    stack = load_stack(stack_names()[0])
    assert stack.name == "2.4"
    assert [stage.number for stage in stack.stages] == [1, 2, 3, 4, 5, 6]
    found = {pin.name: (pin.stage, pin.spec) for pin in stack.pins}
    assert {name: found[name] for name in DOCUMENTED} == DOCUMENTED
    assert all(found[name][0] == 6 for name in STAGE_6)


def test_nemo_alone_is_installed_without_dependencies() -> None:
    flags = {stage.number: stage.flags for stage in load_stack("2.4").stages}
    assert flags == {1: (), 2: (), 3: (), 4: (), 5: ("--no-deps",), 6: ()}


def test_every_documented_pin_has_its_reason_impact_and_link() -> None:
    for name in DOCUMENTED:
        pin = load_stack("2.4").pin(name)
        assert pin is not None
        assert pin.advice.why, name
        assert pin.advice.impact, name
        assert pin.advice.link.startswith("https://"), name
        assert pin.advice.id, name


def test_each_bound_of_any_stack_has_a_reason() -> None:
    without_reason = [
        (name, pin.name)
        for name in stack_names()
        for pin in load_stack(name).pins
        if pin.spec.count("<") + pin.spec.count("==") and not pin.advice.why
    ]
    assert without_reason == [("3.0", "sentencepiece")] or without_reason == []


def test_reasons_differ_where_the_stacks_do() -> None:
    two, three = load_stack("2.4").pin("numpy"), load_stack("3.0").pin("numpy")
    assert two is not None
    assert three is not None
    assert two.advice.why != three.advice.why
    assert two.advice.id == three.advice.id == "numpy-pin"


def test_the_versions_of_the_stack_are_written_in_the_requirements_files_alone() -> None:
    """No pin of a requirements file is repeated in the program's code or data."""
    pins = {
        pin.requirement.text.replace(" ", "")
        for name in stack_names()
        for pin in load_stack(name).pins
    }
    pins = {pin for pin in pins if re.search(r"[<>=~]", pin)}
    for file in (ROOT / "parakeet_cli").rglob("*"):
        if file.suffix in (".py", ".toml") and "data" not in file.relative_to(ROOT).parts:
            text = file.read_text("utf-8").replace(" ", "")
            assert [pin for pin in pins if pin in text] == [], file


def test_every_name_in_the_policy_is_pinned_by_a_stack() -> None:
    table = tomllib.loads((ROOT / "parakeet_cli/doctor/stack/policy.toml").read_text("utf-8"))
    pinned = {pin.name for name in stack_names() for pin in load_stack(name).pins}
    assert {normalized_name(name) for name in table["advice"]} <= pinned


def test_an_environment_is_judged_by_the_stack_of_its_nemo() -> None:
    assert choose_stack("3.0.0", None).name == "3.0"
    assert choose_stack("2.4.0", "3.0").name == "2.4"
    assert choose_stack(None, "3.0").name == "3.0"
    assert choose_stack(None, None).name == "2.4"
    assert choose_stack("1.23.0", None).name == "2.4"


def test_an_unknown_stack_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as error:
        load_stack("2.5")
    assert "2.4, 3.0" in str(error.value.hint)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("# stage 1: A\nnumpy >=1, but not 2\n", "isn't a requirement"),
        ("numpy>=1\n", "comes before the first"),
    ],
)
def test_an_invalid_line_is_reported_with_its_number(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(text)
    with pytest.raises(ParakeetError, match=words):
        list(policy._read_pins(file))


def test_options_comments_and_blank_lines_are_skipped(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(
        "# about\n# stage 2: torch (requirements-torch.txt)\n--index-url file:///x/y#z\n\n"
        "torch>=2.7  # why\n"
    )
    found = [(stage, title, r.text if r else None) for stage, title, r in policy._read_pins(file)]
    assert found == [(2, "torch", None), (2, "torch", "torch>=2.7")]


def test_a_missing_requirements_file_is_reported() -> None:
    with pytest.raises(ParakeetError, match="is missing"):
        policy._requirements_file("requirements-none.txt")


def test_no_package_is_pinned_twice_in_one_stack() -> None:
    for name in stack_names():
        names = [pin.name for pin in load_stack(name).pins]
        assert len(names) == len(set(names))


def test_the_stages_are_those_of_the_guide_in_its_order() -> None:
    titles = {stage.number: stage.title for stage in load_stack("2.4").stages}
    assert list(titles) == [1, 2, 3, 4, 5, 6]
    assert titles[1] == "Core scientific stack"
    assert titles[2] == "PyTorch"


@pytest.mark.parametrize(
    ("stage", "names"),
    [
        (1, ["numpy", "scipy"]),
        (2, ["torch"]),
        (3, ["fsspec", "numba", "librosa"]),
        (4, ["pytorch-lightning", "torchmetrics"]),
        (5, ["nemo-toolkit"]),
        (6, ["hydra-core", "omegaconf", "sentencepiece", "sacremoses", "inflect", "editdistance"]),
    ],
)
def test_a_stage_begins_with_the_packages_of_the_guide(stage: int, names: list[str]) -> None:
    pins = [pin.name for pin in load_stack("2.4").stages[stage - 1].pins]
    assert pins[: len(names)] == names


def test_only_nemo_is_installed_without_dependencies() -> None:
    flags = {stage.number: stage.flags for stage in load_stack("2.4").stages}
    assert flags == {1: (), 2: (), 3: (), 4: (), 5: ("--no-deps",), 6: ()}


@pytest.mark.parametrize("name", stack_names())
def test_no_advice_takes_a_particular_card_for_granted(name: str) -> None:
    """It is shown on machines without a GPU, too."""
    for pin in load_stack(name).pins:
        assert not re.search(r"\b(RTX|GTX)\b|\b[2345]0[5678]0\b", f"{pin.advice}"), pin.name
