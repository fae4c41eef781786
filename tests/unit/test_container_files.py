"""The Dockerfile, compose.yaml and the lock: what can be held without building an image."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
import yaml

from parakeet_cli.doctor.stack.stack import load_stack, stack_names
from scripts import container_lock

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "containers" / "lock"
TARGETS = ("cpu", "nemo-2.4-cu128", "nemo-3.0-cu128", "nemo-3.0-cu130")


def stages() -> dict[str, list[tuple[str, str]]]:
    """Name of each stage of the Dockerfile -> its instructions, FROM with what it is based on."""
    text = (ROOT / "Dockerfile").read_text()
    lines = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    found: dict[str, list[tuple[str, str]]] = {}
    current: list[tuple[str, str]] = []
    for line in filter(str.strip, lines):
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            current = found.setdefault(name, [])
            current.append(("FROM", base))
        else:
            current.append((word, rest.strip()))
    return found


def ancestry(name: str) -> list[str]:
    """The stage and those that it is based on, to the base image's."""
    names = [name]
    while (base := stages()[names[-1]][0][1]) in stages():
        names.append(base)
    return names


def instructions(target: str, word: str) -> list[str]:
    """Those of an image: of its stage and of all below it."""
    return [rest for name in ancestry(target) for w, rest in stages()[name] if w == word]


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_runs_without_root_and_without_a_compiler(target: str) -> None:
    assert instructions(target, "USER")[0] == "10001:10001"
    assert instructions(target, "ENTRYPOINT") == ['["parakeet"]']
    assert instructions(target, "VOLUME") == ["/models"]
    assert not {"tool", "compiler"} & set(ancestry(target))
    for run in instructions(target, "RUN"):
        assert not re.search(r"g\+\+|gcc|python3-dev|python3-venv|pip ", run), run


def test_the_base_is_an_argument_and_cpu_is_what_is_built_without_a_target() -> None:
    assert ("FROM", "${BASE}") in stages()["runtime"]
    assert "ARG BASE=" in (ROOT / "Dockerfile").read_text()
    assert stages()[""] == [("FROM", "cpu")]
    assert set(TARGETS) <= set(stages())


@pytest.mark.parametrize("target", TARGETS[1:])
def test_an_image_with_a_stack_has_the_one_of_its_name_by_the_doctor(target: str) -> None:
    _, stack, build = target.split("-")
    assert stack in stack_names()
    built = stages()[f"stack-{stack}-{build}"]
    assert any(f"containers/stack.sh {stack} {build} " in rest for word, rest in built)
    assert ("ARG", f"TORCH_INDEX={build}") in built
    assert f"--from=stack-{stack}-{build} /opt/nemo /opt/nemo" in instructions(target, "COPY")
    environment = " ".join(instructions(target, "ENV"))
    assert "PARAKEET_ML_PYTHON=/opt/nemo/bin/python" in environment
    assert "NVIDIA_DRIVER_CAPABILITIES=compute,utility" in environment
    script = (ROOT / "containers" / "stack.sh").read_text()
    assert re.search(r"doctor --fix --yes --stack", script)


def test_no_setting_of_pip_and_no_secret_gets_into_an_image() -> None:
    declared = {rest.split("=")[0] for word, rest in stages()["tool"] if word == "ARG"}
    assert "PIP_INDEX_URL" in declared
    for target in TARGETS:
        said = " ".join([*instructions(target, "ENV"), *instructions(target, "ARG")])
        assert not re.search(r"PIP_|UV_|TOKEN|PASSWORD|SECRET|KEY", said)
    for name in stages():
        for rest in (
            rest for word, rest in stages()[name] if word == "COPY" and "--from" not in rest
        ):
            assert not re.search(r"pip\.conf|\.crt|\.pem|\.key", rest)


def test_what_the_dockerfile_copies_is_in_the_context_and_little_else_is() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in lines if line.startswith("!")]
    assert "*" in lines
    for pattern in allowed:
        assert list(ROOT.glob(pattern)), pattern
    for needed in ("pyproject.toml", "requirements-*.txt", "parakeet_cli", "containers"):
        assert needed in allowed
    assert not {".git", "tests", ".venv"} & set(allowed)


def test_the_lock_suits_the_requirements_and_names_no_index() -> None:
    assert container_lock.problems() == []


def test_a_lock_that_no_longer_suits_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "lock"
    shutil.copytree(LOCK, folder)
    tool = folder / "tool.txt"
    text = tool.read_text()
    old = re.sub(r"^typer==\S+", "typer==0.1.0", text, flags=re.MULTILINE)
    tool.write_text(re.sub(r"^rich==[^#]+?(?=^\w)", "", old, flags=re.MULTILINE))
    (folder / "build.txt").write_text("hatchling==1.27.0\n--index-url https://example.org/simple\n")
    (folder / "nemo-2.4.txt").unlink()
    (folder / "old.txt").write_text("")
    found = "\n".join(container_lock.problems(folder))
    for words in (
        "typer 0.1.0 is not what is required",
        "rich is not locked",
        "hatchling==1.27.0 has no sum",
        "build.txt names an index",
        "nemo-2.4.txt is missing",
        "old.txt is made from nothing",
    ):
        assert words in found, found


def a_wheel(folder: Path, name: str, version: str, *requires: str) -> str:
    """A wheel with nothing but metadata, and the line by which an index offers it."""
    stem = f"{name.replace('-', '_')}-{version}"
    path = folder / f"{stem}-py3-none-any.whl"
    lines = [f"Requires-Dist: {line}\n" for line in requires]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            f"{stem}.dist-info/METADATA",
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{''.join(lines)}",
        )
        archive.writestr(f"{stem}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f'<a href="../{quote(path.name)}#sha256={digest}">{path.name}</a>\n'


def an_index(folder: Path, *wheels: tuple[str, ...]) -> dict[str, str]:
    """A folder as an index serves it; each wheel's sum by `name==version`."""
    folder.mkdir()
    sums = {}
    for name, version, *requires in wheels:
        line = a_wheel(folder, name, version, *requires)
        (folder / name).mkdir(exist_ok=True)
        with (folder / name / "index.html").open("a") as page:
            page.write(line)
        sums[f"{name}=={version}"] = line.partition("#sha256=")[2].partition('"')[0]
    return sums


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address at which the folder's indexes are."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing of requests."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_torch_of_an_index_of_its_own_is_locked_with_the_sums_from_there(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cublas = ("nvidia-cublas-cu12", "12.8.4.1")
    own = an_index(
        tmp_path / "cu128",
        ("torch", "2.10.0+cu128"),
        ("torch", "2.11.0+cu128", "nvidia-cublas-cu12==12.8.4.1", "jinja2", "triton==3.6.0"),
        ("torch", "2.15.0+cu128"),
        cublas,
        ("jinja2", "3.0"),
    )
    ordinary = an_index(
        tmp_path / "simple",
        # Newer, and for another CUDA.
        ("torch", "2.13.0", "nvidia-cublas"),
        ("jinja2", "3.1.6"),
        ("triton", "3.6.0"),
    )
    monkeypatch.setenv("UV_DEFAULT_INDEX", f"{served}/simple")
    text = container_lock.torch_from(f"{served}/cu128", {"jinja2": "3.1.6"})
    entries = dict(re.findall(r"^(\S+==\S+) \\\n    --hash=sha256:(\w+)$", text, re.MULTILINE))
    assert entries == {
        "torch==2.11.0+cu128": own["torch==2.11.0+cu128"],
        "nvidia-cublas-cu12==12.8.4.1": own["nvidia-cublas-cu12==12.8.4.1"],
        "triton==3.6.0": ordinary["triton==3.6.0"],
    }
    # It is taken for a part of the lock, and held to what is required.
    folder = tmp_path / "lock"
    shutil.copytree(LOCK, folder)
    (folder / "torch-cu128.txt").write_text(text)
    assert container_lock.problems(folder) == []
    (folder / "torch-cu128.txt").write_text(text.replace("2.11.0+cu128", "2.15.0+cu128"))
    assert "torch 2.15.0+cu128 is not what is required" in str(container_lock.problems(folder))


def test_where_torchs_index_can_not_be_reached_no_lock_is_written_and_it_says_what_to_type(
    served: str,
) -> None:
    before = {path: path.read_bytes() for path in LOCK.iterdir()}
    command = [sys.executable, str(ROOT / "scripts" / "container_lock.py"), "--torch", "cu128"]
    done = subprocess.run(
        [*command, "--torch-url", f"{served}/none"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert f"no torch could be locked from {served}/none" in done.stderr
    assert "python scripts/container_lock.py --torch cu128 [--torch-url URL]" in done.stderr
    assert {path: path.read_bytes() for path in LOCK.iterdir()} == before


def test_a_torch_that_is_locked_for_pytorchs_index_is_taken_from_there() -> None:
    script = (ROOT / "containers" / "stack.sh").read_text()
    assert container_lock.torch_url("cu128").endswith("/whl/cu128")
    for line in re.findall(r"sed -n '(s\|\^--index-url[^']*)'", script):
        done = subprocess.run(
            ["sed", "-n", line, str(ROOT / "requirements-torch.txt")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"{done.stdout.strip()}cu128" == container_lock.torch_url("cu128")


@pytest.mark.parametrize("stack", stack_names())
def test_the_locked_stack_is_one_that_the_doctor_allows(stack: str) -> None:
    locked = container_lock.pins((LOCK / f"nemo-{stack}.txt").read_text())
    for pin in load_stack(stack).pins:
        if pin.name != "torch":
            assert pin.allows(locked.get(pin.name)), (pin.name, locked.get(pin.name))


def test_debians_packages_are_listed_as_apt_takes_them_with_their_moment() -> None:
    first, *packages = (ROOT / "containers" / "debian.txt").read_text().splitlines()
    assert re.fullmatch(r"# DEBIAN_SNAPSHOT=\d{8}T\d{6}Z", first)
    names = {line.split("=")[0] for line in packages}
    assert {"python3", "python3.11", "libportaudio2", "libc6"} <= names
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9.+-]+=\S+", line) for line in packages)
    assert not {"gcc", "g++", "make", "python3-venv", "python3-dev"} & names


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


@pytest.mark.parametrize("service", ["serve", "serve-cpu", "batch", "batch-cpu"])
def test_each_service_is_as_strict_as_the_images_allow(service: str) -> None:
    described = compose()["services"][service]
    assert described["read_only"] is True
    assert described["tmpfs"] == ["/tmp"]
    assert described["cap_drop"] == ["ALL"]
    assert "models:/models" in described["volumes"]
    assert "privileged" not in described
    target = described["build"]["target"].removeprefix("${IMAGE:-").rstrip("}")
    assert target in TARGETS


def test_a_gpu_is_reserved_where_the_image_is_for_one() -> None:
    for name, described in compose()["services"].items():
        if name.endswith("-cpu"):
            assert "deploy" not in described
            continue
        (device,) = described["deploy"]["resources"]["reservations"]["devices"]
        assert device["driver"] == "nvidia"
        assert "gpu" in device["capabilities"]


def test_the_server_has_a_key_and_a_check_and_is_published_on_loopback_alone() -> None:
    for name in ("serve", "serve-cpu"):
        served = compose()["services"][name]
        assert served["command"][served["command"].index("--api-key") + 1] == "/run/secrets/api-key"
        assert served["secrets"] == ["api-key"]
        assert served["ports"] == ["127.0.0.1:8178:8178"]
        assert "/health" in " ".join(served["healthcheck"]["test"])


def test_the_options_of_the_batch_exist() -> None:
    command = compose()["services"]["batch"]["command"]
    listing = subprocess.run(
        [sys.executable, "-m", "parakeet_cli", command[0], "--help"],
        capture_output=True,
        text=True,
        check=True,
        env={"COLUMNS": "200", "PATH": "/usr/bin:/bin", "NO_COLOR": "1"},
    )
    for option in (word for word in command if word.startswith("-")):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", listing.stdout), option


def test_a_bill_of_materials_names_each_distribution_and_package_once(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text(
        "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\n"
        "Version: 2.36-9+deb12u13\nDescription: C library\n more\n\n"
        "Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
    )
    command = [sys.executable, str(ROOT / "scripts" / "sbom.py"), "--name", "image"]
    for name in ("tool", "stack"):
        venv.create(tmp_path / name)
        (site,) = (tmp_path / name).glob("lib/python*/site-packages")
        for package, version in (("Ruamel.Yaml", "0.18"), (f"only-{name}", "1.0+cpu")):
            info = site / f"{package}-{version}.dist-info"
            info.mkdir()
            (info / "METADATA").write_text(
                f"Metadata-Version: 2.4\nName: {package}\nVersion: {version}\n"
                "License-Expression: MIT\n"
            )
        command += ["--python", str(tmp_path / name / "bin" / "python")]
    command += ["--debian", str(status)]
    first, second = (subprocess.run(command, capture_output=True, check=True).stdout for _ in "12")
    assert first == second
    bill = json.loads(first)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert [one["purl"] for one in bill["components"]] == [
        "pkg:deb/debian/libc6@2.36-9%2Bdeb12u13?arch=amd64",
        "pkg:pypi/only-stack@1.0%2Bcpu",
        "pkg:pypi/only-tool@1.0%2Bcpu",
        "pkg:pypi/ruamel-yaml@0.18",
    ]
    assert bill["components"][3]["licenses"] == [{"license": {"name": "MIT"}}]
    listed = tmp_path / "sbom.cdx.json"
    listed.write_bytes(first)
    assert "libc6=2.36-9+deb12u13\n" in container_lock.debian_list(listed)


def test_the_guide_names_each_target_and_each_build_argument() -> None:
    guide = (ROOT / "docs" / "containers.md").read_text()
    arguments = {rest.split("=")[0] for s in stages().values() for word, rest in s if word == "ARG"}
    for name in (*TARGETS, *arguments, "BASE"):
        assert f"`{name}`" in guide, name
