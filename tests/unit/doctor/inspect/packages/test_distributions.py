"""Site folders with intact, broken and very many distributions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.doctor import parallel_map
from parakeet_cli.doctor.facts import Distribution
from parakeet_cli.doctor.inspect.packages import distributions
from parakeet_cli.system.ml_versions import normalized_name
from tests.doctor_facts import OnDisk


@pytest.fixture
def env(tmp_path: Path) -> OnDisk:
    return OnDisk.new(tmp_path / "env")


def read(env: OnDisk) -> distributions.Installed:
    return distributions.read_distributions((str(env.site),))


def only(env: OnDisk) -> Distribution:
    (dist,) = read(env).distributions
    return dist


def test_a_distribution_is_read_with_its_requirements(env: OnDisk) -> None:
    env.install("Ruamel.Yaml", "0.19", "a>=1", 'b; extra == "x"')
    dist = only(env)
    assert (dist.name, dist.version) == ("ruamel-yaml", "0.19")
    assert dist.requires == ("a>=1", 'b; extra == "x"')
    assert dist.has_record
    assert dist.problem == ""


def test_the_description_is_not_taken_for_metadata(env: OnDisk) -> None:
    info = env.install("a", "1.0", "b")
    text = (info / "METADATA").read_text() + "\nRequires-Dist: evil\nName: other\n"
    (info / "METADATA").write_text(text)
    (info / "RECORD").unlink()
    assert only(env).requires == ("b",)
    assert only(env).name == "a"


def test_windows_line_ends_and_odd_bytes_are_read(env: OnDisk) -> None:
    info = env.install("a", "1.0")
    (info / "METADATA").write_bytes(
        b"Metadata-Version: 2.1\r\nName: a\r\nVersion: 1.0\r\nAuthor: \xff\xfe\r\n"
        b"Requires-Dist: b>=1\r\n\r\nRequires-Dist: not-this\r\n"
    )
    assert only(env).requires == ("b>=1",)


def test_with_missing_or_empty_metadata_the_folder_gives_the_name(env: OnDisk) -> None:
    for name in ("gone", "empty", "folder"):
        info = env.install(name, "1.0")
        (info / "METADATA").unlink()
    (env.site / "empty-1.0.dist-info" / "METADATA").write_text("")
    (env.site / "folder-1.0.dist-info" / "METADATA").mkdir()
    by_name = {dist.name: dist for dist in read(env).distributions}
    assert by_name["gone"].problem == "its METADATA is missing"
    assert by_name["empty"].problem == "its METADATA has no name and version"
    assert "can't be read" in by_name["folder"].problem
    assert {dist.version for dist in by_name.values()} == {"1.0"}


def test_truncated_metadata_is_recognized_by_its_size_in_record(env: OnDisk) -> None:
    info = env.install("a", "1.0", "b>=1", "c>=2")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a\nVersion: 1.0\nRequires-Di")
    assert only(env).problem.startswith("its METADATA is cut short: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_metadata_without_permission_is_a_problem(env: OnDisk) -> None:
    info = env.install("a", "1.0")
    (info / "METADATA").chmod(0)
    assert "Permission denied" in only(env).problem


def test_a_recorded_file_that_does_not_exist_is_missing(env: OnDisk) -> None:
    env.install("a", "1.0", files={"a/__init__.py": "", "a/deep/b.py": "", "a/x.so": b"x"})
    (env.site / "a/deep/b.py").unlink()
    installed = read(env)
    assert installed.distributions[0].missing == ("a/deep/b.py",)
    assert [c.path for c in installed.compiled] == [str(env.site / "a/x.so")]
    assert installed.compiled[0].package == "a"


def test_scripts_outside_the_site_folder_and_bytecode_are_ignored(env: OnDisk) -> None:
    info = env.install("a", "1.0", files={"a/__init__.py": ""})
    with (info / "RECORD").open("a") as record:
        record.write("../../../bin/python,,\na/__pycache__/__init__.cpython-311.pyc,,\n")
        record.write('"a/with, comma.py",,\n')
    (env.site / "a/with, comma.py").write_text("")
    assert only(env).missing == ()


def test_compiled_files_of_a_distribution_without_record_are_found(env: OnDisk) -> None:
    info = env.install("scipy", "1.0", files={"scipy/_lib/x.so": b"x"})
    (info / "RECORD").unlink()
    env.install("other", "1.0")
    installed = read(env)
    assert not next(d for d in installed.distributions if d.name == "scipy").has_record
    assert [c.package for c in installed.compiled] == ["scipy"]


def test_an_unrecorded_compiled_file_is_found_beside_recorded_ones(
    env: OnDisk,
) -> None:
    env.install("a", "1.0", files={"a/__init__.py": "", "shared/a.so": b"x"})
    env.install("b", "1.0", files={"shared/b.so": b"x"})
    (env.site / "a" / "stray.so").write_bytes(b"x")
    found = {(Path(c.path).name, c.package) for c in read(env).compiled}
    assert found == {("a.so", "a"), ("b.so", "b"), ("stray.so", "a")}


def test_leftovers_and_duplicates_are_found(env: OnDisk) -> None:
    env.install("numpy", "1.26.4")
    env.install("numpy", "2.4.6")
    (env.site / "~umpy").mkdir()
    installed = read(env)
    assert [dist.version for dist in installed.distributions] == ["1.26.4", "2.4.6"]
    assert [leftover.path for leftover in installed.leftovers] == [str(env.site / "~umpy")]


def test_egg_info_of_debian_and_of_development_is_read(env: OnDisk) -> None:
    (env.site / "PyYAML-6.0.egg-info").write_text("Name: PyYAML\nVersion: 6.0\n\n")
    egg = env.site / "mine.egg-info"
    egg.mkdir()
    (egg / "PKG-INFO").write_text("Name: mine\nVersion: 0.1\n")
    (egg / "requires.txt").write_text('numpy\n\n[gui]\nqt>=5\n\n[:python_version < "3"]\nold\n')
    by_name = {dist.name: dist for dist in read(env).distributions}
    assert by_name["pyyaml"].version == "6.0"
    assert by_name["mine"].requires == (
        "numpy",
        'qt>=5; extra == "gui"',
        'old; (python_version < "3")',
    )


def test_an_unreadable_folder_is_reported_and_a_missing_one_is_not(
    env: OnDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert distributions.read_distributions(("/gone", str(env.site / "nothing"))).unlisted == []

    def refuse(folder: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)
    assert read(env).unlisted == [f"{env.site}: Permission denied"]


def test_2000_distributions_are_read(env: OnDisk) -> None:
    for number in range(2000):
        env.install(f"d{number}", "1.0", f"d{number + 1}>=1", files={f"d{number}.py": ""})
    installed = read(env)
    assert len(installed.distributions) == 2000
    assert not any(dist.problem or dist.missing for dist in installed.distributions)


@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
@pytest.mark.parametrize("cores", [2, 16])
def test_processes_that_share_the_distributions_find_what_one_finds(
    env: OnDisk, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    for number in range(9):
        files = {f"p{number}/{n}.py": "x = 1\n" for n in range(number)}
        env.install(f"p{number}", "1.0", files={**files, f"p{number}/c.so": b"x", "all/a.so": b"y"})
    env.install("0-first", "1.0", files={"all/b.py": "long\n"})
    env.install("last", "1.0", files={"all/b.py": "short"})
    (env.site / "all" / "stray.so").write_bytes(b"x")
    (env.site / "p5" / "1.py").unlink()
    (env.site / "p6" / "2.py").write_text("")
    (env.site / "p7-1.0.dist-info" / "METADATA").unlink()
    (env.site / "~p").mkdir()
    one = read(env)
    monkeypatch.setattr(distributions, "SHARED_FROM", 0)
    monkeypatch.setattr(distributions, "usable_cores", lambda: cores)
    # pytest-xdist has another thread.
    monkeypatch.setattr(parallel_map, "is_single_threaded", lambda: True)
    assert read(env) == one
    assert [dist.name for dist in one.distributions if dist.broken] == ["p5", "p6", "p7"]


def test_it_finds_what_importlib_metadata_finds() -> None:
    """Against the standard library's own reader, on the environment these tests run in."""
    import importlib.metadata
    import sysconfig

    site = sysconfig.get_path("purelib")
    expected = {
        (normalized_name(dist.name), dist.version, frozenset(dist.requires or ()))
        for dist in importlib.metadata.distributions(path=[site])
    }
    found = {
        (dist.name, dist.version, frozenset(dist.requires))
        for dist in distributions.read_distributions((site,)).distributions
    }
    assert {(n, v) for n, v, _ in found} == {(n, v) for n, v, _ in expected}
    assert {n: len(r) for n, _, r in found} == {n: len(r) for n, _, r in expected}


# Files that aren't what RECORD says


@pytest.mark.parametrize(
    ("name", "written", "now", "damaged"),
    [
        ("core.py", b"x = 1\n", b"x =", True),
        ("core.py", b"x = 1\n", b"", True),
        ("core.py", b"x = 1\n", b"x = 1\nmended = True\n", False),
        ("lib.so", b"\x7fELF1234", b"\x7fELF", True),
        ("lib.so", b"\x7fELF1234", b"\x7fELF123456", True),
        ("libtorch.so.2", b"\x7fELF1234", b"\x7fELF", True),
        ("table.json", b'{"a": 1}', b'{"a"', True),
        ("weights.npz", b"12345678", b"1234", True),
        ("weights.npz", b"12345678", b"", True),
        ("cacert.pem", b"certificates\n", b"cert\n", False),  # replaced by the company's own
        ("cacert.pem", b"certificates\n", b"", True),
        ("site.cfg", b"[all]\nx = 1\n", b"[all]\n", False),
    ],
)
def test_a_file_of_another_size_is_damaged_unless_it_may_be_edited(
    env: OnDisk, name: str, written: bytes, now: bytes, damaged: bool
) -> None:
    env.install("a", "1.0", files={"a/__init__.py": "", f"a/{name}": written})
    assert only(env).resized == ()
    (env.site / "a" / name).write_bytes(now)
    dist = only(env)
    assert [(file.path, file.size, file.recorded) for file in dist.resized] == [
        (f"a/{name}", len(now), len(written))
    ]
    assert bool(dist.damaged) is damaged
    assert dist.broken is damaged


@pytest.mark.parametrize(
    "path",
    [
        "a/__pycache__/core.cpython-311.pyc",  # Python writes it anew
        "a/include/core.h",
        "../../../bin/a.py",  # the path of its Python is written into it
        "a-1.0.dist-info/direct_url.json",
        "a/core.pyi",
    ],
)
def test_the_size_of_a_file_that_may_change_is_not_compared(env: OnDisk, path: str) -> None:
    env.install("a", "1.0", files={"a/__init__.py": "", path: "as it was"})
    (env.site / path).write_text("")
    assert only(env).resized == ()


def test_a_file_without_a_size_in_record_is_not_compared(env: OnDisk) -> None:
    info = env.install("a", "1.0", files={"a/__init__.py": ""})
    (env.site / "a/b.py").write_text("x = 1\n")
    with (info / "RECORD").open("a") as record:
        record.write("a/b.py,,\na/__init__.py\n\n")
    assert only(env).resized == ()


def test_a_file_of_two_distributions_is_whole_if_it_is_what_one_of_them_brought(
    env: OnDisk,
) -> None:
    env.install("a", "1.0", files={"shared/__init__.py": "a long text\n"})
    env.install("b", "1.0", files={"shared/__init__.py": "short\n"})
    assert [dist.resized for dist in read(env).distributions] == [(), ()]
    (env.site / "shared/__init__.py").write_text("")
    assert all(dist.broken for dist in read(env).distributions)


def test_of_what_conda_installed_only_an_emptied_file_is_damaged(env: OnDisk) -> None:
    """It writes its own paths into files after their RECORD was made."""
    info = env.install("a", "1.0", files={"a/__init__.py": "prefix = '/placeholder'\n"})
    (info / "INSTALLER").write_text("conda\n")
    (env.site / "a/__init__.py").write_text("prefix = '/c'\n")
    assert only(env).resized == ()
    (env.site / "a/__init__.py").write_text("")
    assert only(env).broken


def test_the_top_level_modules_of_a_distribution_are_known(env: OnDisk) -> None:
    env.install("a", "1.0", files={"one/__init__.py": "", "two.py": "", "_c.cpython-311.so": b"x"})
    assert set(only(env).modules) == {"one", "two", "_c"}


@pytest.mark.parametrize("name", ["METADATA", "RECORD", "INSTALLER"])
def test_a_fifo_or_a_huge_file_in_a_distribution_is_not_read(tmp_path: Path, name: str) -> None:
    for number, make in enumerate((os.mkfifo, _huge)):
        info = tmp_path / str(number) / "demo-1.0.dist-info"
        info.mkdir(parents=True)
        make(info / name)
        found = distributions.read_distributions((str(info.parent),)).distributions
        assert [dist.name for dist in found] == ["demo"]
        assert not found[0].has_record


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(100 << 20)  # a hole: it fills no disk
