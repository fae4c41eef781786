"""The doctor in activated conda environments: made, and activated in bash, by py-rattler."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli import __version__
from tests.integration.doctor.conda import (
    MINOR,
    REAL_CONDA,
    SITE,
    CondaPackage,
    distribution_files,
    fill_channel,
    install,
    python_package,
)
from tests.integration.doctor.fake_stack import Environment
from tests.integration.doctor.repairing import pinned_wheels, tree

pytest.importorskip("rattler", reason="py-rattler isn't installed")
yaml = pytest.importorskip("yaml")
pytestmark = REAL_CONDA

ROOT = Path(__file__).parents[3]
CUDAS = {
    "12.8": "environment.yml",
    "12.6": "environment-cu126.yml",
    "13.0": "environment-cu130.yml",
}
# Debian's Python, which may be the one in the package, looks there in virtual environments alone.
LIKE_CONDAS = f"""
import os, site, sys
site.addsitedir(os.path.join(sys.prefix, "lib", "python{MINOR}", "site-packages"))
"""


def python() -> CondaPackage:
    """A Python with site-packages as conda's own has them, of the release in environment.yml."""
    package = python_package()
    files = {**package.files, f"lib/python{MINOR}/sitecustomize.py": LIKE_CONDAS.encode()}
    return replace(package, files=files)


def parakeet() -> CondaPackage:
    """This checkout as a noarch package with its command; its requirements are this Python's."""
    code = {
        str(path.relative_to(ROOT)): path.read_bytes()
        for path in (ROOT / "parakeet_cli").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    versions = ("requirements-ml.txt", "requirements-ml-nemo3.txt", "requirements-torch.txt")
    code |= {f"parakeet_cli/data/{name}": (ROOT / name).read_bytes() for name in versions}
    folders = [path for path in sys.path if path.endswith("site-packages")]
    code["requirements.pth"] = "\n".join([*folders, ""]).encode()
    return CondaPackage(
        "parakeet-cli",
        __version__,
        distribution_files("parakeet-cli", __version__, code),
        depends=("python",),
        noarch=True,
        entry_points=("parakeet = parakeet_cli.__main__:main",),
    )


def binaries() -> list[CondaPackage]:
    """What the environment files name beside Python: small packages, several CUDA toolkits."""
    names = ("pip", "portaudio", "libsndfile", "ffmpeg")
    toolkits = [
        CondaPackage("cuda-toolkit", f"{cuda}.1", {f"share/cuda-{cuda}/version.txt": b"cuda\n"})
        for cuda in CUDAS
    ]
    torch = {"torch/__init__.py": b"", "torch/version.py": b"__version__ = '2.5.1'\n"}
    script = b'export FROM_ACTIVATE_D="$CONDA_PREFIX"\n'
    return [
        *(CondaPackage(name, "1.0", {f"share/{name}/readme": b"-\n"}) for name in names),
        *toolkits,
        CondaPackage("pytorch", "2.5.1", distribution_files("torch", "2.5.1", torch, site=SITE)),
        CondaPackage("gdal", "3.0", {"etc/conda/activate.d/gdal.sh": script}),
    ]


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("conda") / "channel"
    fill_channel(folder, [python(), parakeet(), *binaries()])
    return folder


@pytest.fixture(scope="module")
def made(channel: Path) -> Path:
    """The folder of three environments: parakeet and torch in one, parakeet alone in another."""
    folder = channel.parent
    install(
        channel, folder / "first", ["python", "parakeet-cli", "pytorch", "gdal"], folder / "cache"
    )
    install(channel, folder / "second", ["python", "gdal"], folder / "cache")
    install(channel, folder / "bare", ["python", "parakeet-cli"], folder / "cache")
    return folder


def activated(
    prefixes: Sequence[Path], command: str, home: Path
) -> subprocess.CompletedProcess[str]:
    """Run the command in a bash that has activated the environments, one upon the other."""
    from rattler.shell import ActivationVariables, Shell, activate

    path = ["/usr/bin", "/bin"]
    script = ""
    for prefix in prefixes:
        result = activate(prefix, ActivationVariables(None, path), Shell.bash)
        script += result.script + "\n"
        path = [f"{prefix}/bin", *path]
    return subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{command}"],
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "PIP_CONFIG_FILE": os.devnull,
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        cwd="/",
        check=False,
    )


def findings(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    assert done.stdout, done.stderr
    return {one["id"]: one for one in json.loads(done.stdout)["findings"]}


ONLY = "--only python-version --only environment-variables --only stack-installed"


def test_in_an_activated_environment_the_doctor_judges_that_one_and_says_so(
    made: Path, tmp_path: Path
) -> None:
    first = made / "first"
    shown = activated(
        [first], 'echo "$FROM_ACTIVATE_D $CONDA_PREFIX"; command -v parakeet', tmp_path
    )
    assert shown.stdout.split() == [str(first), str(first), f"{first}/bin/parakeet"]
    done = activated([first], f"parakeet doctor --json {ONLY}", tmp_path)
    assert Path(json.loads(done.stdout)["python"]).parent == first / "bin"
    found = findings(done)
    assert found["python-version"]["summary"].endswith("a conda environment")
    assert "CONDA_PREFIX" not in json.dumps(found)
    text = activated([first], "parakeet doctor", tmp_path).stdout
    assert text.splitlines()[0].startswith(f"Python  {first}/bin/python")
    assert "activated another environment" not in text


def test_a_plan_in_an_activated_environment_is_for_that_one(made: Path, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for wheel in pinned_wheels().values():
        wheel.build(wheels)
    before = tree(made / "first")
    command = f"parakeet doctor --fix --dry-run --json --wheelhouse {wheels}"
    done = activated([made / "first"], command, tmp_path)
    plan = json.loads(done.stdout)["plan"]
    assert plan, done.stderr
    commands = [command for step in plan for command in step["commands"]]
    assert all(str(made / "first") in command for command in commands), commands
    assert "although this shell has activated" not in done.stderr
    assert tree(made / "first") == before
    done = activated([made / "first", made / "second"], command, tmp_path)
    said = f"This is for {made}/first, although this shell has activated {made}/second."
    assert said in done.stderr


def test_an_environment_that_was_activated_on_top_is_named_since_the_doctor_is_of_another(
    made: Path, tmp_path: Path
) -> None:
    first, second = made / "first", made / "second"
    done = activated([first, second], f"parakeet doctor --json {ONLY}", tmp_path)
    assert Path(json.loads(done.stdout)["python"]).parent == first / "bin"
    found = findings(done)
    variables = found["environment-variables"]
    assert variables["status"] == "warn"
    assert f"CONDA_PREFIX={second}: this shell has activated another" in variables["detail"]
    assert f"parakeet doctor --python {second}" in variables["remedy"]
    bare = activated([made / "bare", second], f"parakeet doctor --json {ONLY}", tmp_path)
    assert f"parakeet doctor --python {second}" in findings(bare)["stack-installed"]["remedy"]
    assert "activated another" in activated([first, second], "parakeet doctor", tmp_path).stdout
    # What was asked for by name is no mistake.
    named = activated([first, second], f"parakeet doctor --python {first} --json {ONLY}", tmp_path)
    assert findings(named)["environment-variables"]["status"] == "ok"
    there = activated([first, second], f'parakeet doctor --python "$CONDA_PREFIX" --json {ONLY}',
                      tmp_path)  # fmt: skip
    assert Path(json.loads(there.stdout)["python"]).parent == second / "bin"


def test_a_virtual_environment_within_a_conda_environment_is_no_mistake(
    made: Path, tmp_path: Path
) -> None:
    first = made / "first"
    env = Environment(tmp_path / "venv")
    command = [str(first / "bin" / "python"), "-m", "venv", "--without-pip", str(env.prefix)]
    subprocess.run(command, check=True, capture_output=True)
    env.install([pinned_wheels()["torchmetrics"]], tmp_path / "wheels")
    code = ["import sys; sys.path[:0] = " + repr([str(ROOT), *sys.path])]
    code.append("from parakeet_cli.__main__ import main; main()")
    start = tmp_path / "start.py"
    start.write_text("\n".join(code))
    words = f"{env.python} {start} doctor --json {ONLY}"
    done = activated([first], words, tmp_path)
    assert json.loads(done.stdout)["python"] == str(env.python)
    assert findings(done)["environment-variables"]["status"] == "ok"
    # Not so in a conda environment that it wasn't made from.
    done = activated([made / "second"], words, tmp_path)
    assert "CONDA_PREFIX" in findings(done)["environment-variables"]["summary"]


def test_the_environments_of_three_cudas_are_judged_repaired_and_removed_one_by_one(
    channel: Path, tmp_path: Path
) -> None:
    """As the environment files name them, from one cache, whose files are linked into all."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for wheel in pinned_wheels().values():
        wheel.build(wheels)
    envs = {}
    for cuda, name in CUDAS.items():
        described = yaml.safe_load((ROOT / name).read_text())
        specs = [one.replace("python=3.11", f"python={MINOR}") for one in described["dependencies"]]
        env = Environment(tmp_path / described["name"])
        install(channel, env.prefix, specs, tmp_path / "cache")
        (toolkit,) = (env.prefix / "conda-meta").glob("cuda-toolkit-*.json")
        assert json.loads(toolkit.read_text())["version"] == f"{cuda}.1"
        env.install(pinned_wheels().values(), tmp_path / f"wheels-{cuda}")
        envs[cuda] = env

    def doctor(env: Environment, *words: str) -> subprocess.CompletedProcess[str]:
        python = f"--python {env.prefix}"
        command = f"{sys.executable} -m parakeet_cli doctor {python} {' '.join(words)}"
        return activated([env.prefix], f"cd {ROOT} && {command}", tmp_path)

    only = "--json --only broken-dists --only numpy-pin --only python-version"
    for env in envs.values():
        report = json.loads(doctor(env, only).stdout)
        assert report["healthy"], report
    before = {cuda: tree(env.prefix) for cuda, env in envs.items()}

    damaged = envs["12.6"]
    (damaged.site / "fsspec" / "__init__.py").unlink()
    assert not json.loads(doctor(damaged, only).stdout)["healthy"]
    fixed = doctor(damaged, "--fix", "--yes", f"--wheelhouse {wheels}")
    assert fixed.returncode in (0, 1), fixed.stderr
    assert "Repaired in" in fixed.stdout + fixed.stderr
    assert json.loads(doctor(damaged, only).stdout)["healthy"]
    (toolkit,) = (damaged.prefix / "conda-meta").glob("cuda-toolkit-12.6*.json")
    for cuda in ("12.8", "13.0"):
        assert tree(envs[cuda].prefix) == before[cuda]

    subprocess.run(["rm", "-r", str(envs["12.8"].prefix)], check=True)
    assert tree(envs["13.0"].prefix) == before["13.0"]
    assert json.loads(doctor(envs["13.0"], only).stdout)["healthy"]
