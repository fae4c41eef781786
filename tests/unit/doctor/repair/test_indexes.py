from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.doctor.facts import Gpus, Unavailable
from parakeet_cli.doctor.repair.indexes import PackageSources, choose_sources, refusal
from parakeet_cli.doctor.repair.pip import PipFailed
from parakeet_cli.errors import UsageError
from tests.doctor_facts import RTX_5090, gpu
from tests.unit.doctor.repair.facts import STACK, facts

CPU = STACK.torch_index_of("cpu")
CUDA = STACK.torch_index


@pytest.mark.parametrize(
    ("gpus", "index"),
    [
        (Gpus(), CPU),
        (RTX_5090, CUDA),
        (Gpus(nvidia_smi="/usr/bin/nvidia-smi", problem="no devices"), CUDA),
        (Unavailable("it can't be read"), CPU),
    ],
)
def test_torch_s_build_is_that_of_the_machine(gpus: Gpus | Unavailable, index: str) -> None:
    there = replace(facts(), gpus=gpus)
    assert choose_sources(there, STACK, None, None) == PackageSources(index)


@pytest.mark.parametrize(
    ("gpus", "build", "bound"),
    [
        (gpu("6.1", "GeForce GTX 1080"), "cu126", ""),
        (gpu("7.0", "Tesla V100"), "cu126", ""),
        (gpu("8.6", "GeForce RTX 3090"), "cu128", ""),
        (gpu("12.1", "GB10"), "cu130", ""),
        (gpu("3.7", "Tesla K80"), "cpu", ""),
        (gpu("12.0", "GeForce RTX 5090", "550.54.15", "12.4"), "cu128", ""),
        (replace(RTX_5090, devices=(), hidden=RTX_5090.devices), "cpu", ""),
        (
            replace(RTX_5090, devices=(*RTX_5090.devices, *gpu("7.0", "Tesla V100").devices)),
            "cu128",
            "<2.11",
        ),
        (gpu("8.6", "GeForce RTX 3090", "[N/A]"), "cu128", ""),
    ],
)
def test_the_index_is_the_one_that_the_checks_advise(gpus: Gpus, build: str, bound: str) -> None:
    there = replace(facts(), gpus=gpus)
    expected = PackageSources(STACK.torch_index_of(build), torch_bound=bound)
    assert choose_sources(there, STACK, None, None) == expected


@pytest.mark.parametrize(
    ("named", "index"),
    [
        ("cpu", CPU),
        ("cu130", STACK.torch_index_of("cu130")),
        ("nightly/cu128", STACK.torch_index_of("nightly/cu128")),
        ("rocm6.2", STACK.torch_index_of("rocm6.2")),
        ("https://example.org/whl", "https://example.org/whl"),
        ("default", None),
    ],
)
def test_an_index_can_be_named(named: str, index: str | None) -> None:
    assert choose_sources(facts(), STACK, named, None) == PackageSources(index)


def test_an_index_can_be_a_folder(tmp_path: Path) -> None:
    found = choose_sources(facts(), STACK, str(tmp_path), None)
    assert found == PackageSources(tmp_path.resolve().as_uri())


@pytest.mark.parametrize("named", ["cuda", "no-such-folder", "cu12.8/x"])
def test_a_name_that_is_no_index_is_refused_with_those_that_are(named: str) -> None:
    with pytest.raises(UsageError, match=f"There is no index {named}") as refused:
        choose_sources(facts(), STACK, named, None)
    assert "nightly/cu128" in (refused.value.hint or "")


def test_with_a_wheelhouse_nothing_else_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sources = choose_sources(facts(), STACK, "cu128", "wheels")
    assert sources == PackageSources(None, str(tmp_path / "wheels"))
    assert sources.arguments == ("--no-index", "--find-links", str(tmp_path / "wheels"))


def test_torch_s_index_is_asked_beside_pip_s_own() -> None:
    assert PackageSources(CPU).arguments == ("--extra-index-url", CPU)
    assert PackageSources().arguments == ()
    assert PackageSources(STACK.torch_index_of("nightly/cu128")).nightly
    assert not PackageSources(CPU).nightly


def failed(*output: str) -> PipFailed:
    return PipFailed(["install"], 1, output)


NO_SIX = "ERROR: No matching distribution found for six"
NO_NAME = "NewConnectionError: Temporary failure in name resolution"


@pytest.mark.parametrize(
    ("output", "sources", "message", "hint"),
    [
        ([NO_SIX], PackageSources(), "no suitable file of six", "pip config list"),
        ([NO_NAME, NO_SIX], PackageSources(), "can't be reached", "Connect to a network"),
        ([NO_NAME, NO_SIX], PackageSources(CPU), "no file of six", "--torch-index default"),
        ([NO_SIX], PackageSources(None, "/my wheels"), "/my wheels lacks six", "'/my wheels'"),
        (["ERROR: odd"], PackageSources(None, "/w"), "/w lacks something: odd", "--download"),
        (["ERROR: a against b"], PackageSources(), "finds no solution.*a against b", None),
    ],
)
def test_pip_s_failure_is_explained_with_what_to_type(
    output: list[str], sources: PackageSources, message: str, hint: str | None
) -> None:
    error = refusal(failed(*output), sources)
    with pytest.raises(type(error), match=message):
        raise error
    assert "Nothing was changed" in str(error) or "nothing was changed" in str(error)
    assert error.hint is None if hint is None else hint in (error.hint or "")


def test_what_pip_lists_below_its_heading_is_missing_too() -> None:
    error = refusal(
        failed(
            "Some packages have no matching distributions available for your environment:",
            "    six",
            "    numpy",
            "ERROR: a conflict",
            NO_SIX,
        ),
        PackageSources(),
    )
    assert "no suitable file of six, numpy," in str(error)


def conflict(*causes: str) -> tuple[str, ...]:
    """What a pip older than 24.1 prints where no version is found, or none suits."""
    return (
        "ERROR: Cannot install six>=1.26 because these package versions have conflicting "
        "dependencies.",
        "",
        "The conflict is caused by:",
        *(f"    {cause}" for cause in causes),
        "",
        "To fix this you could try to:",
    )


@pytest.mark.parametrize("asked", ["six>=1.26", "six<2.0 and >=1.26"])
def test_a_conflict_between_what_one_version_can_be_is_a_missing_file(asked: str) -> None:
    causes = (f"The user requested {asked}", "The user requested (constraint) six<2.0")
    assert "no suitable file of six," in str(refusal(failed(*conflict(*causes)), PackageSources()))


@pytest.mark.parametrize(
    "causes",
    [
        ("The user requested six>=1.26", "The user requested (constraint) six<1.20"),
        ("The user requested six>=1.26", "nemo 2.4.0 depends on six<2.0"),
        ("The user requested six>=1.26", "The user requested (constraint) numpy<2.0"),
    ],
)
def test_a_real_conflict_stays_one(causes: tuple[str, ...]) -> None:
    error = refusal(failed(*conflict(*causes)), PackageSources())
    assert "pip finds no solution" in str(error)


def test_a_configuration_of_pips_that_cannot_be_read_is_named() -> None:
    output = [
        "Configuration file could not be loaded.",
        "Source contains parsing errors: '/home/u/.config/pip/pip.conf'",
        "\t[line  2]: 'no such'",
    ]
    refused = refusal(PipFailed(["config", "list"], 3, output), PackageSources())
    assert str(refused).startswith("pip's configuration can't be read, so nothing was changed: ")
    assert "/home/u/.config/pip/pip.conf" in str(refused)
