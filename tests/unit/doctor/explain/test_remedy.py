"""A remedy has one command to type, and sentences for the rest."""

from __future__ import annotations

import shlex

import pytest

from parakeet_cli.doctor.explain.catalogue import catalogue, guide, posted
from parakeet_cli.doctor.explain.remedy import Remedy, Shell, split_remedy, split_row

PROGRAMS = {"apt", "sudo", "uv", "python3", "/env/bin/python", "/my env/bin/python"}


def shell(
    *more: str, python: str = "/env/bin/python", root: bool = False, has_pip: bool = True
) -> Shell:
    there = PROGRAMS | set(more)
    return Shell(
        "parakeet",
        python,
        has_pip,
        find=lambda name: name if name in there else None,
        is_root=root,
    )


def test_commands_sentences_and_what_is_done_by_hand_are_told_apart() -> None:
    text = "parakeet doctor --fix\nby hand: pip check\nOr ask somebody.\nThen restart."
    parts = split_remedy(text, shell())
    assert parts.command == "parakeet doctor --fix"
    assert parts.by_hand == ("pip check",)
    assert parts.prose == ("Or ask somebody.", "Then restart.")


def test_a_command_whose_program_is_not_here_is_not_the_one_to_type() -> None:
    text = "conda install portaudio, or: sudo apt install libportaudio2"
    assert split_remedy(text, shell()).command == "sudo apt install libportaudio2"
    assert split_remedy(text, shell()).prose == ("conda install portaudio",)
    with_conda = split_remedy(text, shell("conda"))
    assert with_conda.command == "conda install portaudio"
    assert with_conda.prose == ("Or: sudo apt install libportaudio2",)


def test_words_behind_a_command_are_a_sentence_of_their_own() -> None:
    parts = split_remedy("parakeet doctor report, and file its output as a bug.", shell())
    assert parts.command == "parakeet doctor report"
    assert parts.prose == ("And file its output as a bug.",)
    alone = split_remedy("by hand: python3 -m pip check, or decode without it", shell(python=""))
    assert (alone.command, alone.by_hand) == ("python3 -m pip check", ())
    assert alone.prose == ("Or decode without it.",)


def test_a_sentence_may_end_in_the_command() -> None:
    parts = split_remedy("Free some space there: /env/bin/python -m pip cache purge", shell())
    assert parts.command == "/env/bin/python -m pip cache purge"
    assert parts.prose == ("Free some space there.",)
    for text in (
        "Create the environment again, then: parakeet doctor --fix",
        "Free some space there, or: export TMPDIR=/a/folder/with/room",
        "Or keep this torch: install an NVIDIA driver, then restart.",
        "Take care, or switch the stack: parakeet doctor --fix --stack 3.0",
        "Or try a smaller model: parakeet doctor --deep --model MODEL",
    ):
        assert split_remedy(text, shell()) == Remedy("", (text,))


def test_a_second_command_follows_the_first() -> None:
    parts = split_remedy("parakeet doctor --fix\nexport CUDA_VISIBLE_DEVICES=0", shell())
    assert parts.prose == ("Then: export CUDA_VISIBLE_DEVICES=0",)


def test_the_label_of_the_command_that_is_typed_is_said_beneath_it() -> None:
    parts = split_remedy("reinstall the stack: parakeet doctor --reinstall", shell())
    assert parts.command == "parakeet doctor --reinstall"
    assert parts.prose == ("Reinstall the stack.",)


@pytest.mark.parametrize(
    "command",
    ["pip install PACKAGE", "parakeet doctor --deep --sample WAV", "pip install --timeout 9 ...",
     "export PIP_CERT=/path/to/company.pem", "no-such-program --now", "echo 'unclosed", ""],
)  # fmt: skip
def test_a_gap_to_fill_in_or_an_absent_program_is_nothing_to_type(command: str) -> None:
    assert not shell("pip", "echo").can_run(command)


@pytest.mark.parametrize(
    "command",
    ["parakeet doctor --fix --torch-index cu126", "unset LD_LIBRARY_PATH", "sudo apt install x",
     "CUDA_LAUNCH_BLOCKING=1 parakeet doctor", "export CUDA_VISIBLE_DEVICES=-1",
     "uv venv x && parakeet doctor --fix --python x/bin/python"],
)  # fmt: skip
def test_what_can_be_typed_here(command: str) -> None:
    assert shell().can_run(command)


@pytest.mark.parametrize("typed", ["pip install x", "python -m pip install x"])
def test_pip_is_that_of_the_environment_and_its_path_is_quoted(typed: str) -> None:
    here = shell(python="/my env/bin/python")
    assert here.adapted(typed) == "'/my env/bin/python' -m pip install x"
    assert here.can_run(here.adapted(typed))
    twice = here.adapted(here.adapted(typed))
    assert twice == here.adapted(typed)


def test_pip_of_uv_and_words_that_only_look_like_pip_stay() -> None:
    here = shell()
    for text in ("uv pip install x", "pip was killed", "apt install python3-pip"):
        assert here.adapted(text) == text


def test_an_environment_without_pip_gets_uv() -> None:
    adapted = shell(has_pip=False).adapted("/env/bin/python -m pip install 'numpy<2'")
    assert adapted == "uv pip install --python /env/bin/python 'numpy<2'"


def test_root_without_sudo_types_none() -> None:
    bare = Shell(find=lambda name: name if name == "apt" else None, is_root=True)
    parts = split_remedy("sudo apt install libportaudio2", bare)
    assert parts.command == "apt install libportaudio2"
    assert shell(root=True).adapted("sudo apt install x") == "sudo apt install x"


def test_parakeet_off_the_path_is_called_as_a_module() -> None:
    off = Shell("/e/bin/python -m parakeet_cli", find=lambda name: name)
    text = "parakeet doctor --fix\nparakeet is told by parakeet doctor, below ~/parakeet doctors."
    assert split_remedy(text, off).command == "/e/bin/python -m parakeet_cli doctor --fix"


def test_the_doctors_commands_name_the_python_that_was_named() -> None:
    here = Shell("/e/python -m parakeet_cli", options=("--python", "/my env/python"))
    named = "/e/python -m parakeet_cli doctor --python '/my env/python'"
    assert here.adapted("Repair it: parakeet doctor --fix") == f"Repair it: {named} --fix"
    assert here.adapted(here.adapted("parakeet doctor")) == named
    other = "parakeet doctor --fix --python new/bin/python"
    assert here.adapted(other) == f"/e/python -m {other.replace('parakeet', 'parakeet_cli', 1)}"


def test_the_prose_of_a_row_is_without_its_command() -> None:
    row = "Install NumPy within its pin again: parakeet doctor --fix"
    parts = split_row(row, ["parakeet doctor --fix"], shell())
    assert (parts.command, parts.prose) == (
        "parakeet doctor --fix",
        ("Install NumPy within its pin again.",),
    )
    alone = split_row("unset LD_LIBRARY_PATH", ["unset LD_LIBRARY_PATH"], shell())
    assert alone.prose == ()


@pytest.mark.parametrize(
    ("remedy", "prose"),
    [
        ("nvidia-smi, or ask somebody", "Or ask somebody."),
        ("nvidia-smi. If it fails, restart.", "If it fails, restart."),
        ("Look first. To see more: nvidia-smi", "Look first. To see more: nvidia-smi"),
        ("Look: nvidia-smi. Then restart.", "Look. Then restart."),
        ("nvidia-smi shows it", "The command shows it."),
        ("Wait. nvidia-smi shows it all.", "Wait. The command shows it all."),
        ("Look first: nvidia-smi shows it", "Look first: the command shows it."),
        ("nvidia-smi (Windows: nvidia-smi.exe). Look.", "Windows: nvidia-smi.exe. Look."),
        ("Look (nvidia-smi) and wait.", "Look and wait."),
        ("Look: nvidia-smi (Windows: dxdiag)", "Look (Windows: dxdiag)"),
    ],
)
def test_what_is_left_of_a_remedy_reads_as_sentences(remedy: str, prose: str) -> None:
    assert split_row(remedy, ["nvidia-smi"], shell("nvidia-smi")).prose == (prose,)


def test_a_row_whose_programs_are_not_here_has_prose_alone() -> None:
    parts = split_row("conda install x", ["conda install x"], shell())
    assert (parts.command, parts.prose) == ("", ("conda install x",))


def test_every_command_of_the_catalogue_can_be_typed_where_its_programs_are() -> None:
    anywhere = Shell(find=lambda name: name, python="/env/bin/python")
    rows = (*catalogue(), *guide(), *posted())
    assert sum(bool(row.commands) for row in rows) > 80
    for row in rows:
        for command in row.commands:
            filled = command.replace("{name}", "torch").replace("{package}", "torch")
            assert anywhere.can_run(anywhere.adapted(filled)), (row.number, command)
            shlex.split(filled)


def test_no_row_has_prose_for_a_command() -> None:
    anywhere = Shell(find=lambda name: name)
    for row in (*catalogue(), *guide(), *posted()):
        parts = split_row(row.remedy, row.commands, anywhere)
        assert "\n" not in parts.command
        assert not parts.command[:1].isupper() or "=" in parts.command.split()[0], row.number
        assert all(prose.strip() for prose in parts.prose), row.number


def test_the_uv_that_is_installed_with_parakeet_is_typed_where_none_is_on_path() -> None:
    nothing = Shell(find=lambda name: None, uv="/tool/python -m uv")
    text = "uv venv --python 3.11 env, or: uv pip install a"
    assert nothing.adapted(text) == (
        "/tool/python -m uv venv --python 3.11 env, or: /tool/python -m uv pip install a"
    )
    on_path = Shell(find=lambda name: f"/usr/bin/{name}", uv="/tool/python -m uv")
    assert on_path.adapted(text) == text
    assert "uv" in Shell().uv  # a base dependency
    typed = split_remedy("uv venv --python 3.11 env", Shell(find=lambda name: None))
    assert typed.command.endswith("-m uv venv --python 3.11 env")
