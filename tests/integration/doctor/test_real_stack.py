"""The doctor on the real stack: built once, copied with hard links for each case.

Set PARAKEET_TEST_STACKS to a folder: the environments `verified` and `documented` are
taken from there, and built there where they are missing (2 GB each, some minutes and a
network). CI builds them in a temporary folder; elsewhere, without it, these are skipped.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.doctor.conftest import Patient
from tests.integration.doctor.madeup import Environment

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
# The CPU build where the ordinary index has one; the range of requirements-torch.txt.
TORCH = ["torch==2.13.0"]
# The document's steps 1 to 6, as written, with this torch in the place of its nightly.
DOCUMENTED: tuple[list[str], ...] = (
    ["numpy>=1.26.0,<2.0"],
    ["scipy>=1.11.0"],
    TORCH,
    ["fsspec==2024.12.0"],
    ["numba>=0.60.0"],
    ["librosa>=0.10.0"],
    ["pytorch-lightning>=2.0.0,<2.3.0"],
    ["torchmetrics>=0.11.0,<1.5.0"],
    ["--no-deps", "nemo-toolkit[asr]==2.4.0"],
    ["hydra-core", "omegaconf", "sentencepiece", "sacremoses", "inflect", "editdistance"],
)


def pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"


def build_documented(prefix: Path) -> None:
    for step in DOCUMENTED:
        # Hardly any of it is imported here; compiling it all would take a minute.
        pip(prefix / "bin" / "python", "install", "-q", "--no-compile", *step)


def build_verified(prefix: Path) -> None:
    """The guide's own commands for installing by hand, as they stand there."""
    commands = guide_commands()
    assert len(commands) == 6
    for words in commands:
        assert words[:2] == ["pip", "install"]
        pip(prefix / "bin" / "python", "install", "-q", *words[2:])


def guide_commands() -> list[list[str]]:
    """The guide's commands; for torch the one that it gives for a machine without a GPU."""
    text = (ROOT / "docs" / "ml-dependencies.md").read_text()
    block = text.partition("<!-- table: steps -->")[2].partition("<!-- end -->")[0]
    lines = block.replace("\\\n", " ").splitlines()
    with_gpu = [line for line in lines if "-r requirements-torch.txt" in line]
    lines = [
        line.removeprefix("# ") if line.startswith("# pip install") else line
        for line in lines
        if line not in with_gpu
    ]
    return [shlex.split(line, comments=True) for line in lines if line.startswith("pip install")]


BUILDERS: dict[str, Callable[[Path], None]] = {
    "verified": build_verified,
    "documented": build_documented,
}


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Environment]:
    """Gives an environment by its name, building it where it isn't there yet."""
    named = os.environ.get("PARAKEET_TEST_STACKS")
    if named is None and os.environ.get("CI") != "true":
        pytest.skip("PARAKEET_TEST_STACKS names no folder for the real stack")
    folder = Path(named) if named else tmp_path_factory.mktemp("stacks")

    def get(name: str) -> Environment:
        prefix = folder / name
        if not prefix.exists():
            half = folder / f"{name}.part"  # a build that was broken off is not taken for one
            shutil.rmtree(half, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(half)], check=True)
            BUILDERS[name](half)
            half.rename(prefix)
        return Environment(prefix)

    return get


@pytest.fixture
def on(stacks: Callable[[str], Environment], tmp_path: Path) -> Callable[[str], Patient]:
    """A copy with hard links: pip replaces files, so the original stays as it is."""

    def copy(name: str) -> Patient:
        (tmp_path / "home").mkdir()
        (tmp_path / "bin").mkdir()
        original = stacks(name)
        shutil.copytree(original.prefix, tmp_path / "env", symlinks=True, copy_function=os.link)
        return Patient(Environment(tmp_path / "env"), tmp_path)

    return copy


@pytest.fixture
def verified(on: Callable[[str], Patient]) -> Patient:
    return on("verified")


def over(patient: Patient, *requirements: str) -> None:
    """Someone installs these into the environment, and nothing else moves."""
    pip(patient.environment.python, "install", "-q", "--no-deps", *requirements)


def failing(patient: Patient) -> dict[str, str]:
    """Each id that fails, with what it says."""
    report = patient.examine()
    unhealthy = [f for f in report["findings"] if f["status"] in ("fail", "unknown")]
    assert report["healthy"] is (not unhealthy)
    assert patient.code == (1 if unhealthy else 0)
    return {f["id"]: f"{f['summary']}\n{f['detail']}" for f in unhealthy}


def test_the_verified_environment_is_healthy(verified: Patient) -> None:
    assert failing(verified) == {}


def test_the_documented_end_state_is_not_healthy_and_what_is_missing_is_named(
    on: Callable[[str], Patient],
) -> None:
    patient = on("documented")
    check = "import torch, nemo, numpy; print('All imports successful')"
    done = subprocess.run(
        [str(patient.environment.python), "-B", "-c", check],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "All imports successful", done.stderr
    said = failing(patient)
    assert set(said) == {"nemo-requirements", "setuptools-pkg-resources"}
    missing = set(re.findall(r"^missing: ([\w.-]+)", said["nemo-requirements"], re.MULTILINE))
    assert len(missing) >= 20
    assert missing >= {
        "lightning", "wrapt", "huggingface_hub", "python-dateutil", "wget", "onnx", "lhotse",
        "einops", "transformers", "pandas", "jiwer", "text-unidecode", "webdataset", "protobuf",
        "ruamel.yaml", "tensorboard", "pyannote.core", "pyannote.metrics", "datasets", "ipython",
    }  # fmt: skip
    assert "hydra-core" in said["nemo-requirements"]  # unpinned, a newer one came
    assert "pkg_resources" in said["setuptools-pkg-resources"]


def test_numpy_2_over_it(verified: Patient) -> None:
    over(verified, "numpy==2.4.6")
    said = failing(verified)
    assert set(said) == {"numpy-pin", "nemo-requirements"}  # NeMo's own bound is the second
    assert "numpy 2.4.6 is outside" in said["numpy-pin"]
    assert "nemo-toolkit 2.4.0 [asr] wants numpy<2.0.0: NOT met" in said["numpy-pin"]


def test_fsspec_2026_over_it(verified: Patient) -> None:
    over(verified, "fsspec>=2026")
    said = failing(verified)
    assert set(said) == {"fsspec-pin", "nemo-requirements"}
    assert "nemo-toolkit 2.4.0 wants fsspec==2024.12.0: NOT met" in said["fsspec-pin"]
    assert "datasets" in said["fsspec-pin"]


def test_pytorch_lightning_2_6_beside_lightning_2_2(verified: Patient) -> None:
    over(verified, "pytorch-lightning==2.6.*")
    said = failing(verified)
    assert set(said) == {"lightning-pin", "lightning-pair"}
    assert "they must be one release" in said["lightning-pair"]
    assert "lightning 2.2.5" in said["lightning-pair"]


def test_pyarrow_26_over_it(verified: Patient) -> None:
    over(verified, "pyarrow==26.*")
    said = failing(verified)
    assert set(said) == {"pyarrow-numpy", "numpy-abi"}
    assert "pyarrow requires NumPy 2.0" in said["pyarrow-numpy"]
    assert "pyarrow/libarrow_python" in said["numpy-abi"]  # its file says it, its metadata doesn't


def test_setuptools_84_over_it(verified: Patient) -> None:
    over(verified, "setuptools>=84")
    said = failing(verified)
    assert set(said) == {"setuptools-pkg-resources"}
    assert "pkg_resources is missing" in said["setuptools-pkg-resources"]


def test_a_deleted_module(verified: Patient) -> None:
    (verified.environment.site / "lightning" / "pytorch" / "trainer" / "trainer.py").unlink()
    said = failing(verified)
    assert set(said) == {"broken-dists"}
    assert "lightning/pytorch/trainer/trainer.py" in said["broken-dists"]


def test_what_an_interrupted_pip_left_behind(verified: Patient) -> None:
    site = verified.environment.site
    (site / "numpy").rename(site / "~umpy")
    said = failing(verified)
    assert "~umpy" in said["duplicate-dists"]
    assert "numpy" in said["broken-dists"]


def test_two_metadata_folders_of_one_package(verified: Patient) -> None:
    site = verified.environment.site
    shutil.copytree(site / "fsspec-2024.12.0.dist-info", site / "fsspec-2026.10.0.dist-info")
    metadata = site / "fsspec-2026.10.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 2024.12.0", "Version: 2026.10.0"))
    said = failing(verified)
    assert "fsspec is there 2 times" in said["duplicate-dists"]


def test_a_user_site_that_shadows_a_conda_environment(verified: Patient) -> None:
    environment = verified.environment
    (environment.prefix / "pyvenv.cfg").unlink()
    (environment.prefix / "conda-meta").mkdir()
    (environment.prefix / "conda-meta" / "python-3.11.9-h0_cpython.json").write_text("{}")
    user = verified.tmp / "home" / ".local" / "lib" / "python3.11" / "site-packages"
    user.mkdir(parents=True)
    pip(Path(sys.executable), "install", "-q", "--no-deps", "--target", str(user), "numpy==2.4.6")
    said = failing(verified)
    assert "numpy 2.4.6" in said["user-site"]
    assert "hides 1.26.4" in said["user-site"]


def test_the_probes_import_what_transcribes(verified: Patient) -> None:
    finding = verified.finding("import-probe", "--deep", "--only", "import-probe")
    assert finding["status"] == "ok", finding
    assert "nemo.collections.asr" in finding["detail"]


def test_the_probes_name_the_innermost_cause(verified: Patient) -> None:
    over(verified, "pyarrow==26.*")
    finding = verified.finding("import-probe", "--deep", "--only", "import-probe")
    assert finding["status"] == "fail"
    assert "pyarrow requires NumPy 2.0" in finding["summary"]
