"""Models in wheels: a test's own packages, and the real ones."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.embedded import (
    BASE,
    EMBEDDED,
    EmbeddedFile,
    EmbeddedModel,
    ModelFiles,
    Part,
)

HALVES = tuple(random.Random(number).randbytes(1_500_000) for number in (1, 2))
CONFIG = b'{"a": 1}'


def sum_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def part(package: str, path: str, data: bytes) -> Part:
    return Part(package, path, len(data), sum_of(data))


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two packages on the path with a model in halves; imported, they would end the process."""
    folder = tmp_path / "packages"
    for name, files in {
        "toy_half_1": {"config.json": CONFIG, "model.bin.part1": HALVES[0]},
        "toy_half_2": {"model.bin.part2": HALVES[1]},
    }.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("raise SystemExit('it was imported')")
        for file, data in files.items():
            (folder / name / file).write_bytes(data)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def toy(packages: Path) -> EmbeddedModel:
    config = part("toy_half_1", "config.json", CONFIG)
    halves = (
        part("toy_half_1", "model.bin.part1", HALVES[0]),
        part("toy_half_2", "model.bin.part2", HALVES[1]),
    )
    files = {
        "config.json": EmbeddedFile((config,), config.sha256),
        "model.bin": EmbeddedFile(halves, sum_of(HALVES[0] + HALVES[1])),
    }
    return EmbeddedModel("toy", ("toy-half-1==1", "toy-half-2==1"), files, "none")


def contents(files: ModelFiles) -> dict[str, bytes]:
    if files.contents is not None:
        return {name: file.read() for name, file in files.contents.items()}
    return {name: (files.path / name).read_bytes() for name in ("config.json", "model.bin")}


WHOLE = {"config.json": CONFIG, "model.bin": HALVES[0] + HALVES[1]}


def test_the_parts_are_joined_in_the_cache_once(toy: EmbeddedModel) -> None:
    first = toy.prepare()
    assert first.contents is None
    assert contents(first) == WHOLE
    written = (first.path / "model.bin").stat().st_mtime_ns
    assert toy.prepare() == first
    assert (first.path / "model.bin").stat().st_mtime_ns == written
    assert {path.name for path in first.path.iterdir()} == {*WHOLE, ".lock"}


def test_a_file_that_changed_in_the_cache_is_joined_again(toy: EmbeddedModel) -> None:
    model = toy.prepare().path / "model.bin"
    data = bytearray(model.read_bytes())
    data[1000] ^= 1
    model.write_bytes(data)
    assert contents(toy.prepare()) == WHOLE


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: path.unlink(),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "a folder": replace_by_folder,
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", ["toy_half_1/config.json", "toy_half_2/model.bin.part2"])
def test_a_part_that_is_missing_or_has_another_size_is_an_obstacle(
    toy: EmbeddedModel, packages: Path, name: str, damage: str
) -> None:
    assert toy.obstacle() is None
    DAMAGES[damage](packages / name)
    assert name.rpartition("/")[2] in str(toy.obstacle())
    with pytest.raises(EngineUnavailable, match="incomplete") as refused:
        toy.prepare()
    assert "toy-half-1==1 toy-half-2==1" in str(refused.value.hint)


def test_a_package_that_is_not_installed_is_an_obstacle(toy: EmbeddedModel) -> None:
    gone = replace(toy.files["config.json"].parts[0], package="toy_half_3")
    model = replace(toy, files={"config.json": EmbeddedFile((gone,), gone.sha256)})
    assert model.obstacle() == "the package toy-half-3 is not installed"


def test_exchanged_parts_are_refused_and_nothing_stays_in_the_cache(
    toy: EmbeddedModel, packages: Path, tmp_path: Path
) -> None:
    (packages / "toy_half_1/model.bin.part1").write_bytes(HALVES[1])
    (packages / "toy_half_2/model.bin.part2").write_bytes(HALVES[0])
    assert toy.obstacle() is None
    with pytest.raises(EngineUnavailable, match="was changed"):
        toy.prepare()
    left = [path.name for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert set(left) <= {"config.json", ".lock"}


def test_right_parts_in_the_wrong_order_are_refused(toy: EmbeddedModel) -> None:
    file = toy.files["model.bin"]
    wrong = replace(file, parts=file.parts[::-1])
    with pytest.raises(EngineUnavailable, match="was changed"):
        replace(toy, files={**toy.files, "model.bin": wrong}).prepare()


def test_where_the_cache_can_t_be_made_the_parts_are_joined_in_memory(
    toy: EmbeddedModel, packages: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file, so that no folder can be made below it")
    files = toy.prepare()
    assert files.contents is not None
    assert contents(files) == WHOLE
    (packages / "toy_half_2/model.bin.part2").write_bytes(HALVES[0])
    with pytest.raises(EngineUnavailable, match="was changed"):
        files.contents["model.bin"].read()


def test_on_a_full_disk_the_parts_are_joined_in_memory(
    toy: EmbeddedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1000))
    assert contents(toy.prepare()) == WHOLE


def test_a_cache_without_a_home_is_in_memory(
    toy: EmbeddedModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", "~nobody-of-that-name/cache")
    assert contents(toy.prepare()) == WHOLE


def test_what_a_killed_process_left_is_removed(toy: EmbeddedModel) -> None:
    folder = toy.prepare().path
    (folder / "model.bin").unlink()
    (folder / ".parakeet-0123456789ab.part").write_bytes(HALVES[0])
    assert contents(toy.prepare()) == WHOLE
    assert {path.name for path in folder.iterdir()} == {*WHOLE, ".lock"}


def test_many_threads_and_processes_join_it_at_once(
    toy: EmbeddedModel, packages: Path, tmp_path: Path
) -> None:
    code = (
        "import sys, pickle\n"
        "model = pickle.load(sys.stdin.buffer)\n"
        "print(len((model.prepare().path / 'model.bin').read_bytes()))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(packages), *sys.path])}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        for _ in range(3)
    ]
    found: list[dict[str, bytes]] = []
    threads = [
        threading.Thread(target=lambda: found.append(contents(toy.prepare()))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    outputs = [process.communicate(pickle.dumps(toy))[0] for process in processes]
    for thread in threads:
        thread.join()
    assert found == [WHOLE] * 3
    assert outputs == [b"3000000\n"] * 3


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_installed_wheels_hold_what_is_written_here(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = EMBEDDED[name]
    folder = model.prepare().path
    for file, expected in model.files.items():
        data = (folder / file).read_bytes()
        assert (len(data), sum_of(data)) == (expected.size, expected.sha256)
    assert model.size == sum(file.size for file in model.files.values())


def test_the_wheels_are_pinned_exactly() -> None:
    import tomllib

    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    dependencies = tomllib.loads(text)["project"]["dependencies"]
    for model in EMBEDDED.values():
        assert set(model.requirements) <= set(dependencies)


def test_a_release_with_other_files_has_another_folder(toy: EmbeddedModel) -> None:
    folder = toy.prepare().path
    other = replace(toy, files={**toy.files, "more.json": toy.files["config.json"]})
    assert other.prepare().path != folder


def test_base_has_the_sum_that_the_hub_gives() -> None:
    assert BASE.files["model.bin"].sha256.startswith("d01c3014881c9c6f")
    assert BASE.files["model.bin"].size == 145_217_532
