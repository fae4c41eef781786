"""The guide's commands for installing by hand match the stack's own files."""

from __future__ import annotations

from parakeet_cli.doctor.stack.requirement_strings import parse_requirement
from parakeet_cli.doctor.stack.stack import load_stack
from tests.stacks import guide_commands

# pip's options in the guide that take a value.
VALUED = {"-c", "-r"}


def test_each_stage_is_one_command_that_names_all_its_packages_in_order() -> None:
    stages = load_stack("2.4").stages
    commands = guide_commands()
    assert len(commands) == len(stages)
    for stage, words in zip(stages, commands, strict=True):
        assert words[:2] == ["pip", "install"]
        names = []
        flags = []
        rest = iter(words[2:])
        for word in rest:
            if word in VALUED:
                assert next(rest).startswith("requirements-")
            elif word.startswith("-"):
                flags.append(word)
            else:
                found = parse_requirement(word)
                assert found is not None
                names.append(found.name)
        assert names == [pin.name for pin in stage.pins], stage.title
        assert flags == list(stage.flags), stage.title


def test_every_stage_but_torchs_is_constrained_by_the_whole_requirements_file() -> None:
    for words in guide_commands():
        if any(word.startswith("torch>") for word in words):
            assert "-c" not in words  # its index has its own choice of some packages
        else:
            assert words[2:4] == ["-c", "requirements-ml.txt"]
