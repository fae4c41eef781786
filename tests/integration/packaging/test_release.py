"""What `make release` builds, installed and used as its users do."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterable
from pathlib import Path
from urllib.request import urlopen

import pytest

from parakeet_cli import __version__
from tests.integration.packaging.environments import CLIP, CLIP_ENDS, ROOT, run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="once is enough"),
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="there is no dpkg-deb"),
]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "out"
    done = run(sys.executable, ROOT / "scripts" / "release.py", folder)
    assert done.returncode == 0, done.stderr
    assert "Nothing was signed or uploaded." in done.stdout
    return folder


@pytest.fixture(scope="module")
def installed(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root folder in which dpkg has installed the package; unpacked alone for another user."""
    root = tmp_path_factory.mktemp("root")
    (package,) = release.glob("*.deb")
    if os.geteuid() != 0:
        assert run("dpkg-deb", "-x", package, root).returncode == 0
        return root
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    (root / "var/lib/dpkg/updates").mkdir()
    (root / "var/lib/dpkg/status").touch()
    done = run("dpkg", f"--root={root}", "--force-depends", "--install", package)
    assert done.returncode == 0, done.stderr
    return root


def test_all_files_are_there_with_their_sums(release: Path) -> None:
    names = {path.name for path in release.iterdir()}
    assert names >= {
        f"parakeet_cli-{__version__}-py3-none-any.whl",
        f"parakeet_cli-{__version__}.tar.gz",
        f"parakeet-{__version__}.cdx.json",
        "SHA256SUMS",
    }
    recipe = f"parakeet-{__version__}-containers.tar.gz"
    assert (recipe in names) == (ROOT / "Dockerfile").exists()
    lines = (release / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert listed.keys() == names - {"SHA256SUMS"}
    for name, digest in listed.items():
        assert hashlib.sha256((release / name).read_bytes()).hexdigest() == digest


def test_the_bill_of_materials_names_what_the_wheel_requires(release: Path) -> None:
    bill = json.loads((release / f"parakeet-{__version__}.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    names = {re.sub(r"[-_.]+", "-", one["name"]).lower() for one in bill["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = {re.split(r"[^\w.-]", text)[0] for text in project["dependencies"]}
    assert {re.sub(r"[-_.]+", "-", name).lower() for name in required} <= names
    assert not {"torch", "nemo-toolkit", "pytest", "twine"} & names
    assert {"starlette", "text2num"} <= names  # of the Debian package
    for one in bill["components"]:
        assert any(next(iter(licence.values())) for licence in one["licenses"]), one["name"]


def test_the_recipe_of_the_images_has_all_that_a_build_copies(
    release: Path, tmp_path: Path
) -> None:
    with tarfile.open(release / f"parakeet-{__version__}-containers.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    unpacked = tmp_path / f"parakeet-{__version__}"
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    for pattern in (line[1:] for line in lines if line.startswith("!")):
        files = {path.relative_to(ROOT) for path in below(ROOT, pattern)}
        assert files
        assert files == {path.relative_to(unpacked) for path in below(unpacked, pattern)}
    for name in ("Dockerfile", ".dockerignore", "compose.yaml", "docs/containers.md"):
        assert (unpacked / name).read_bytes() == (ROOT / name).read_bytes()
    assert os.access(unpacked / "containers" / "stack.sh", os.X_OK)
    assert not (unpacked / "tests").exists()


def below(folder: Path, pattern: str) -> list[Path]:
    """The files that a line of .dockerignore lets in, without what Python has compiled."""
    found = [path for named in folder.glob(pattern) for path in (named, *named.rglob("*"))]
    return [path for path in found if path.is_file() and "__pycache__" not in path.parts]


def test_the_debian_package_serves(installed: Path, tmp_path: Path) -> None:
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PARAKEET_ENGINE": "mock"}
    command = [str(installed / "usr/lib/parakeet/bin/parakeet"), "serve", "--port", "0"]
    with subprocess.Popen(command, env=bare, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        address = _address(server.stderr)
        with urlopen(f"{address}/v1/models", timeout=60) as answer:
            assert json.load(answer)["object"] == "list"
        server.terminate()
        server.stderr.read()
    assert server.returncode == 0


def _address(lines: Iterable[str]) -> str:
    """Where the server says that it listens."""
    return next(found[0] for line in lines if (found := re.search(r"http://\S+", line)))


def test_the_debian_package_transcribes_and_knows_nothing_of_where_it_was_built(
    installed: Path, tmp_path: Path
) -> None:
    prefix = installed / "usr" / "lib" / "parakeet"
    assert (installed / "usr/bin/parakeet").readlink() == Path("/usr/lib/parakeet/bin/parakeet")
    bare = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PARAKEET_OFFLINE": "1"}
    command = [str(prefix / "bin" / "parakeet"), "transcribe", str(CLIP)]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith(CLIP_ENDS)
    command = [str(prefix / "bin" / "parakeet"), "doctor", "--json", "--only", "broken-dists"]
    report = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert json.loads(report.stdout)["healthy"], report.stdout
    grep = run("grep", "-rlI", "parakeet-release-", installed / "usr")
    assert grep.stdout == ""


def test_the_debian_package_is_removed_without_a_trace(installed: Path, release: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("dpkg removes as root alone")
    other = installed.parent / "removed"
    (other / "var/lib/dpkg/info").mkdir(parents=True)
    (other / "var/lib/dpkg/updates").mkdir()
    (other / "var/lib/dpkg/status").touch()
    (package,) = release.glob("*.deb")
    for words in (("--install", package), ("--remove", "parakeet-cli")):
        done = run("dpkg", f"--root={other}", "--force-depends", *words)
        assert done.returncode == 0, done.stderr
    assert [path for path in other.rglob("*") if "parakeet" in path.name] == []
    shutil.rmtree(other)


def test_bash_completes_words_of_the_installed_package(installed: Path, tmp_path: Path) -> None:
    completions = installed / "usr/share/bash-completion/completions/parakeet"
    script = (
        f"source {completions}; COMP_WORDS=(parakeet transcribe --engine ''); COMP_CWORD=3; "
        f"_parakeet_completion {installed}/usr/lib/parakeet/bin/parakeet; echo ${{COMPREPLY[@]}}"
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"auto", "nemo", "onnx", "whisper", "mock"} <= set(done.stdout.split())


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("zsh", "zsh/vendor-completions/_parakeet"),
        ("fish", "fish/vendor_completions.d/parakeet.fish"),
    ],
)
def test_other_shells_can_read_their_completions(installed: Path, shell: str, file: str) -> None:
    path = installed / "usr" / "share" / file
    assert "parakeet" in path.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    assert run(shell, "-n", path).returncode == 0


def test_the_manual_is_set_without_a_warning(installed: Path) -> None:
    page = installed / "usr/share/man/man1/parakeet.1"
    if shutil.which("groff") is None:
        pytest.skip("there is no groff")
    done = run("groff", "-man", "-ww", "-Tascii", page)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--output-format" in re.sub(r".\x08", "", done.stdout)
