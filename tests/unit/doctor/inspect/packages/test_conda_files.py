from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from parakeet_cli.doctor.facts import CondaRecord, Distribution, Facts
from parakeet_cli.doctor.inspect.interpreter import read_interpreter
from parakeet_cli.doctor.inspect.packages.conda_files import replaced_packages
from tests.doctor_facts import OnDisk

SITE = "lib/python3.11/site-packages"
TWO = CondaRecord("pytorch", "2.5.1", (("torch", "2.5.1"), ("functorch", "2.5.1")))


@pytest.fixture
def env(tmp_path: Path) -> OnDisk:
    made = OnDisk.new(tmp_path / "c")
    (made.prefix / "conda-meta").mkdir()
    return made


def put(env: OnDisk, names: Sequence[str]) -> None:
    for name in names:
        path = env.prefix / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def record(env: OnDisk, stem: str, names: Sequence[object]) -> None:
    (env.prefix / "conda-meta" / f"{stem}.json").write_text(json.dumps({"files": names}))


def distribution(env: OnDisk, name: str, files: Sequence[str], *, conda: bool) -> Distribution:
    info = env.site / f"{name}-2.5.1.dist-info"
    info.mkdir(exist_ok=True)
    (info / "RECORD").write_text("".join(f"{one},,\n" for one in files))
    return Distribution(name, "2.5.1", str(env.site), str(info), conda=conda)


def found(env: OnDisk, conda: CondaRecord, names: set[str], *dists: Distribution) -> list[str]:
    interpreter = read_interpreter(env.python, {"HOME": "/nowhere"})
    facts = Facts(interpreter, distributions=dists, conda=(conda,))
    packages = replaced_packages(facts, names)
    return [
        str(Path(path).relative_to(env.prefix)) for package in packages for path in package.paths
    ]


def test_all_of_a_package_goes_with_its_bytecode_and_its_record_last(env: OnDisk) -> None:
    files = [f"{SITE}/torch/a.py", "bin/torchrun", "lib/libtorch.so"]
    put(env, [*files, f"{SITE}/torch/__pycache__/a.cpython-311.pyc", f"{SITE}/torch/mine.py"])
    record(env, "pytorch-2.5.1-py311_0", [*files, "bin/gone"])
    record(env, "pytorch-2.5.1-gpu-1-h0_0", ["bin/other"])  # of another package
    torch = distribution(env, "torch", ["torch/a.py"], conda=True)
    one = CondaRecord("pytorch", "2.5.1", (("torch", "2.5.1"),))
    assert found(env, one, {"torch"}, torch) == [
        f"{SITE}/torch/a.py",
        f"{SITE}/torch/__pycache__/a.cpython-311.pyc",
        "bin/torchrun",
        "lib/libtorch.so",
        "conda-meta/pytorch-2.5.1-py311_0.json",
    ]
    assert found(env, one, {"numpy"}, torch) == []


def test_another_distribution_of_the_package_keeps_its_files(env: OnDisk) -> None:
    put(env, [f"{SITE}/torch/a.py", f"{SITE}/functorch/b.py"])
    record(env, "pytorch-2.5.1-h0_0", [f"{SITE}/torch/a.py", f"{SITE}/functorch/b.py"])
    torch = distribution(env, "torch", ["torch/a.py"], conda=True)
    functorch = distribution(env, "functorch", ["functorch/b.py"], conda=True)
    record_file = "conda-meta/pytorch-2.5.1-h0_0.json"
    assert found(env, TWO, {"torch"}, torch, functorch) == [f"{SITE}/torch/a.py", record_file]
    assert len(found(env, TWO, {"torch", "functorch"}, torch, functorch)) == 3


def test_what_pip_has_put_in_condas_places_stays(env: OnDisk) -> None:
    put(env, [f"{SITE}/torch/a.py", f"{SITE}/torch/old.py", "bin/torchrun"])
    record(
        env, "pytorch-2.5.1-h0_0", [f"{SITE}/torch/a.py", f"{SITE}/torch/old.py", "bin/torchrun"]
    )
    pips = distribution(env, "torch", ["torch/a.py", "../../../bin/torchrun"], conda=False)
    one = CondaRecord("pytorch", "2.5.1", (("torch", "2.5.1"),))
    assert found(env, one, {"torch"}, pips) == [
        f"{SITE}/torch/old.py",
        "conda-meta/pytorch-2.5.1-h0_0.json",
    ]


def test_nothing_outside_of_the_environment_is_named(env: OnDisk, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "letter").touch()
    (env.prefix / "share").symlink_to(tmp_path / "outside")
    record(env, "pytorch-2.5.1-h0_0", ["share/letter", "../letter", "/etc/passwd", ".", 7])
    torch = distribution(env, "torch", [], conda=True)
    one = CondaRecord("pytorch", "2.5.1", (("torch", "2.5.1"),))
    assert found(env, one, {"torch"}, torch) == ["conda-meta/pytorch-2.5.1-h0_0.json"]


def test_a_record_that_was_damaged_meanwhile_goes_alone(env: OnDisk) -> None:
    (env.prefix / "conda-meta" / "pytorch-2.5.1-h0_0.json").write_text("[")
    torch = distribution(env, "torch", [], conda=True)
    one = CondaRecord("pytorch", "2.5.1", (("torch", "2.5.1"),))
    assert found(env, one, {"torch"}, torch) == ["conda-meta/pytorch-2.5.1-h0_0.json"]
