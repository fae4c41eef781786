"""Which build of torch a machine gets: every generation of cards, by driver and platform."""

from __future__ import annotations

import re

import pytest

from parakeet_cli.doctor.facts import Gpus
from parakeet_cli.doctor.stack.requirement_strings import allows
from parakeet_cli.doctor.stack.stack import load_stack, stack_names
from parakeet_cli.doctor.stack.torch_builds import (
    TorchChoice,
    choose_torch_build,
    generation_of,
    generations,
    hide_command,
    oldest_driver,
    published_builds,
    runs_on,
    this_platform,
)
from parakeet_cli.system.hardware import Gpu

PIN = load_stack("2.4").pin("torch")
SPEC = PIN.spec if PIN else ""
X86, ARM, WINDOWS = "linux-x86_64", "linux-aarch64", "windows-x86_64"
DRIVERS = ("470.256.02", "535.161.08", "550.54.15", "570.86.10", "580.65.06", "590.44.01")


def card(name: str, capability: str, driver: str = DRIVERS[4]) -> Gpu:
    return Gpu(f"NVIDIA {name}", capability, driver, "16384 MiB")


# "570!" is a driver that must be installed first; the build named before it works then.
NEW, OLD, LAST = "cu128 525!", "cu126 525!", "cu126 580!"
TABLE = (
    # card, capability, platform, choice for each driver of DRIVERS, a part of the reason
    ("Tesla K80", "3.7", X86, ("cpu",) * 6, "No published build"),
    ("GeForce GTX 980", "5.2", X86, (OLD, "cu126", "cu126", "cu126", "cu126", LAST), "sm_50"),
    ("GeForce GTX 1080", "6.1", X86, (OLD, "cu126", "cu126", "cu126", "cu126", LAST), "sm_60"),
    ("Tesla P100", "6.0", X86, (OLD, "cu126", "cu126", "cu126", "cu126", LAST), "sm_60"),
    ("Tesla V100", "7.0", X86, (OLD, "cu126", "cu126", "cu126", "cu126", LAST), "sm_70"),
    ("GeForce RTX 2080", "7.5", X86, (NEW, *["cu128"] * 5), "sm_75"),
    ("Tesla T4", "7.5", WINDOWS, ("cu128 527!", *["cu128"] * 5), "sm_75"),
    ("A100-SXM4-80GB", "8.0", X86, (NEW, *["cu128"] * 5), "sm_80"),
    ("GeForce RTX 3090", "8.6", X86, (NEW, *["cu128"] * 5), "sm_80"),
    ("GeForce RTX 4090", "8.9", X86, (NEW, *["cu128"] * 5), "every CUDA 12"),
    ("L40S", "8.9", ARM, (NEW, *["cu128"] * 5), "sm_80"),
    ("H100 80GB HBM3", "9.0", X86, (NEW, *["cu128"] * 5), "sm_90"),
    ("GH200 480GB", "9.0", ARM, (NEW, *["cu128"] * 5), "sm_90"),
    ("B200", "10.0", X86, (*["cu128 570!"] * 3, "cu128", "cu128", "cu128"), "sm_100"),
    ("GB200", "10.0", ARM, (*["cu128 570!"] * 3, "cu128", "cu128", "cu128"), "sm_100"),
    ("B300", "10.3", X86, (*["cu128 575!"] * 4, "cu130", "cu130"), "sm_100"),
    ("GeForce RTX 5090", "12.0", X86, (*["cu128 570!"] * 3, *["cu128"] * 3), "sm_120"),
    ("GeForce RTX 5060", "12.0", WINDOWS, (*["cu128 570!"] * 3, *["cu128"] * 3), "sm_120"),
    ("GB10", "12.1", ARM, (*["cu130 580!"] * 4, "cu130", "cu130"), "sm_120"),
    ("Thor", "11.0", ARM, (*["cu130 580!"] * 4, "cu130", "cu130"), "sm_110"),
    ("Orin", "8.7", ARM, ("cpu",) * 6, "NVIDIA publishes torch for Jetsons itself"),
    ("T4G", "7.5", ARM, ("cpu",) * 6, "for linux-aarch64"),
)
ROWS = [
    (name, capability, platform, driver, expected, reason)
    for name, capability, platform, choices, reason in TABLE
    for driver, expected in zip(DRIVERS, choices, strict=True)
]


def test_the_table_has_fourteen_cards_and_five_drivers() -> None:
    assert len({name for name, *_ in TABLE}) >= 14
    assert len(DRIVERS) >= 5


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[2]}-{row[3]}")
def test_each_card_gets_its_build_or_its_driver_first(row: tuple[str, ...]) -> None:
    name, capability, platform, driver, expected, reason = row
    gpu = card(name, capability, driver)
    choice = choose_torch_build([gpu], driver, platform, SPEC)
    index, _, series = expected.partition(" ")
    assert (choice.index, choice.driver) == (index, series.rstrip("!")), choice.reason
    assert reason in choice.reason or choice.driver, choice.reason
    if choice.driver:
        assert choice.driver in choice.advice
        assert f"Driver {driver.split('.')[0]}" in choice.reason
    _check_that_the_choice_works(choice, gpu, driver, platform)


def _check_that_the_choice_works(choice: TorchChoice, gpu: Gpu, driver: str, platform: str) -> None:
    """The choice agrees with the rules by which the checks judge what is installed."""
    if choice.index == "cpu":
        assert not any(
            runs_on(gpu, build.archs)
            for build in published_builds()
            if platform in build.platforms and build.allowed_by(SPEC)
        )
        return
    builds = [
        build
        for build in published_builds()
        if build.index == choice.index and platform in build.platforms and build.allowed_by(SPEC)
    ]
    newest = max(builds, key=lambda build: build.first)
    assert runs_on(gpu, newest.archs)
    generation = generation_of(gpu)
    assert generation is not None
    series = int(choice.driver or driver.split(".")[0])
    assert series >= max(generation.driver, oldest_driver(newest.cuda[0], platform))
    assert series <= (generation.last_driver or series)


@pytest.mark.parametrize(
    ("names", "index", "hidden", "bound"),
    [
        (("RTX 5090", "GTX 1080"), "cu128", ("GTX 1080",), ""),
        (("GTX 1080", "RTX 5090"), "cu128", ("GTX 1080",), ""),
        (("GTX 1080", "GTX 1080", "RTX 5090"), "cu128", ("GTX 1080", "GTX 1080"), ""),
        (("GTX 1080", "RTX 4090"), "cu126", (), ""),  # one older build serves both
        (("GTX 1080", "V100"), "cu126", (), ""),
        (("V100", "RTX 5090"), "cu128", (), "<2.11"),  # the last releases with sm_70
        (("V100", "GTX 1080", "RTX 5090"), "cu128", ("GTX 1080",), "<2.11"),
        (("RTX 4090", "RTX 5090"), "cu128", (), ""),
        (("K80", "RTX 4090"), "cu128", ("K80",), ""),
    ],
)
def test_where_no_build_serves_all_cards_the_ones_to_hide_are_named(
    names: tuple[str, ...], index: str, hidden: tuple[str, ...], bound: str
) -> None:
    capabilities = {"RTX 5090": "12.0", "RTX 4090": "8.9", "GTX 1080": "6.1"}
    capabilities |= {"V100": "7.0", "K80": "3.7"}
    gpus = [card(name, capabilities[name]) for name in names]
    choice = choose_torch_build(gpus, DRIVERS[4], X86, SPEC)
    assert (choice.index, choice.bound) == (index, bound)
    assert tuple(gpu.name.removeprefix("NVIDIA ") for gpu in choice.hidden) == hidden
    assert all(name in choice.reason for name in hidden)


def test_the_hiding_command_counts_as_nvidia_smi_does() -> None:
    old, new = card("GTX 1080", "6.1"), card("RTX 5090", "12.0")
    listed = Gpus(nvidia_smi="/x", devices=(old, new, new), indexes=(0, 1, 2))
    expected = "export CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=1,2"
    assert hide_command(listed, (old,)) == expected
    assert hide_command(listed, (old, new)) == "export CUDA_VISIBLE_DEVICES=-1"


def test_without_a_gpu_the_cpu_build_is_enough() -> None:
    choice = choose_torch_build([], "", X86, SPEC)
    assert (choice.index, choice.driver, choice.uses_gpu) == ("cpu", "", False)


def test_an_unknown_future_card_is_not_given_a_build_that_lacks_it() -> None:
    choice = choose_torch_build([card("Rubin", "14.0")], "610.1", X86, SPEC)
    assert choice.index == "cpu"
    assert "a newer torch may have" in choice.reason


def test_a_driver_that_is_no_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="can't be read"):
        choose_torch_build([card("L4", "8.9")], "[N/A]", X86, SPEC)


@pytest.mark.parametrize("stack", stack_names())
def test_the_index_of_the_requirements_file_is_a_known_build_that_the_pin_allows(
    stack: str,
) -> None:
    loaded = load_stack(stack)
    pin = loaded.pin("torch")
    assert pin is not None
    index = loaded.torch_index.rpartition("/")[2]
    builds = [one for one in published_builds() if one.index == index]
    assert any(build.allowed_by(pin.spec) for build in builds)
    # It is what an ordinary GPU gets, so the commands by hand and the repair agree.
    for name, capability in (("RTX 3090", "8.6"), ("H100", "9.0"), ("RTX 5090", "12.0")):
        gpu = card(name, capability)
        assert choose_torch_build([gpu], DRIVERS[4], X86, pin.spec).index == index


@pytest.mark.parametrize("version", ["2.7.0", "2.11.0", "2.13.1", "2.15.0"])
def test_a_bound_of_the_pin_decides_which_releases_of_an_index_count(version: str) -> None:
    allowed = {one.index for one in published_builds() if one.allowed_by(f"=={version}")}
    assert all(allows(f"=={version}", version) for _ in allowed)
    expected = {
        "2.7.0": {"cu126", "cu128"},
        "2.11.0": {"cu126", "cu128", "cu130"},
        "2.13.1": {"cu126", "cu130", "cu132"},
        "2.15.0": {"cu130", "cu132"},
    }
    assert allowed == expected[version]


def test_every_row_names_its_source() -> None:
    sources = [one.source for one in generations()] + [one.source for one in published_builds()]
    for source in sources:
        assert re.match(r"https://(github\.com|docs\.nvidia\.com|developer\.nvidia\.com)/", source)


def test_no_capability_is_in_two_generations() -> None:
    capabilities = [one for generation in generations() for one in generation.capabilities]
    assert len(capabilities) == len(set(capabilities))


def test_this_machine_has_a_platform_with_builds() -> None:
    assert re.fullmatch(r"[a-z0-9]+-[a-z0-9_]+", this_platform())


def test_the_table_agrees_with_the_list_in_torch_itself() -> None:
    """PYTORCH_RELEASES_CODE_CC of torch 2.13.0, torch/cuda/__init__.py."""
    releases = {
        (12, 6): {"x86_64": {50, 60, 70, 75, 80, 86, 90}, "aarch64": {80, 90}},
        (13, 0): {"x86_64": {75, 80, 86, 90, 100, 120}, "aarch64": {80, 90, 100, 110, 120}},
    }
    compared = 0
    for build in published_builds():
        if build.cuda in releases and build.allowed_by("==2.13.0"):
            machine = build.platforms[0].partition("-")[2]
            assert {int(arch[3:]) for arch in build.archs} == releases[build.cuda][machine]
            compared += 1
    assert compared == 4
