"""The doctor on the real stack. Each case has its own copy by hard links.

tests/stacks.py says where the environments come from and when these tests are skipped.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli.doctor.stack.stack import load_stack
from tests.held_out import held_out, small_parakeet
from tests.integration.doctor.conftest import Patient
from tests.integration.doctor.fake_stack import Environment
from tests.model_files import checkpoint, nemo, running
from tests.stacks import Stacks, pip

pytestmark = pytest.mark.slow


@pytest.fixture
def verified(on: Callable[[str], Patient]) -> Patient:
    return on("verified")


def imports_nemo(environment: Environment) -> None:
    command = [str(environment.python), "-B", "-c", "import nemo.collections.asr"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def install_over(patient: Patient, *requirements: str) -> None:
    """Install these into the environment without changing anything else."""
    pip(patient.environment.python, "install", "-q", "--no-deps", *requirements)


def failing(patient: Patient) -> dict[str, str]:
    """Each id that fails, with its summary and detail."""
    report = patient.examine()
    unhealthy = [f for f in report["findings"] if f["status"] in ("fail", "unknown")]
    assert report["healthy"] is (not unhealthy)
    assert patient.code == (1 if unhealthy else 0)
    return {f["id"]: f"{f['summary']}\n{f['detail']}" for f in unhealthy}


def test_the_doctor_built_it_from_nothing_in_the_documented_order_and_it_imports(
    stacks: Stacks,
) -> None:
    environment = stacks("verified")
    [journal] = (environment.prefix / ".parakeet").glob("*/journal")
    events = [json.loads(line) for line in journal.read_text().splitlines()]
    named = [(event["event"], event.get("stage")) for event in events]
    # By their numbers: a stack that was built before has the titles of that day.
    stages = [stage.number for stage in load_stack("2.4").stages]
    steps = [(event, stage) for stage in stages for event in ("step", "step-done")]
    assert [event for event in named if event[1] is not None] == steps
    assert named[-1] == ("stands", None)
    assert all(event["title"] for event in events if event["event"] == "step")
    # Before, the new environment contained only pip.
    before = (journal.parent / "before").read_text().splitlines()
    infos = {name for line in before if (name := json.loads(line)[0]).endswith(".dist-info")}
    assert {name.rpartition("/")[2].partition("-")[0] for name in infos} <= {"pip", "setuptools"}
    imports_nemo(environment)


@pytest.mark.soak
def test_the_commands_of_the_guide_build_it_too(stacks: Stacks) -> None:
    imports_nemo(stacks("by-hand"))


def test_the_verified_environment_is_healthy(verified: Patient) -> None:
    assert failing(verified) == {}


def test_the_old_documented_steps_are_not_enough_and_the_missing_packages_are_named(
    on: Callable[[str], Patient],
) -> None:
    patient = on("documented")
    check = "import torch, nemo, numpy; print('All imports successful')"
    done = subprocess.run(
        [str(patient.environment.python), "-B", "-c", check],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "All imports successful", done.stderr
    findings = failing(patient)
    assert set(findings) == {"nemo-requirements", "setuptools-pkg-resources"}
    missing = set(re.findall(r"^missing: ([\w.-]+)", findings["nemo-requirements"], re.MULTILINE))
    assert len(missing) >= 20
    assert missing >= {
        "lightning", "wrapt", "huggingface_hub", "python-dateutil", "wget", "onnx", "lhotse",
        "einops", "transformers", "pandas", "jiwer", "text-unidecode", "webdataset", "protobuf",
        "ruamel.yaml", "tensorboard", "pyannote.core", "pyannote.metrics", "datasets", "ipython",
    }  # fmt: skip
    assert "hydra-core" in findings["nemo-requirements"]  # without a pin, pip installed a newer one
    assert "pkg_resources" in findings["setuptools-pkg-resources"]


def test_numpy_2_over_it(verified: Patient) -> None:
    install_over(verified, "numpy==2.4.6")
    findings = failing(verified)
    assert set(findings) == {"numpy-pin", "nemo-requirements"}  # NeMo's own bound is the second one
    assert "numpy 2.4.6 is outside" in findings["numpy-pin"]
    assert "nemo-toolkit 2.4.0 [asr] requires numpy<2.0.0: NOT met" in findings["numpy-pin"]


def test_fsspec_2026_over_it(verified: Patient) -> None:
    install_over(verified, "fsspec>=2026")
    findings = failing(verified)
    assert set(findings) == {"fsspec-pin", "nemo-requirements"}
    assert "nemo-toolkit 2.4.0 requires fsspec==2024.12.0: NOT met" in findings["fsspec-pin"]
    assert "datasets" in findings["fsspec-pin"]


def test_pytorch_lightning_2_6_beside_lightning_2_2(verified: Patient) -> None:
    install_over(verified, "pytorch-lightning==2.6.*")
    findings = failing(verified)
    assert set(findings) == {"lightning-pin", "lightning-pair"}
    assert "they must be one release" in findings["lightning-pair"]
    assert "lightning 2.2.5" in findings["lightning-pair"]


def test_pyarrow_26_over_it(verified: Patient) -> None:
    install_over(verified, "pyarrow==26.*")
    findings = failing(verified)
    assert set(findings) == {"pyarrow-numpy", "numpy-abi"}
    assert "pyarrow requires NumPy 2.0" in findings["pyarrow-numpy"]
    # Its file shows it, its metadata doesn't.
    assert "pyarrow/libarrow_python" in findings["numpy-abi"]


def test_setuptools_84_over_it(verified: Patient) -> None:
    install_over(verified, "setuptools>=84")
    findings = failing(verified)
    assert set(findings) == {"setuptools-pkg-resources"}
    assert "pkg_resources is missing" in findings["setuptools-pkg-resources"]


def test_a_deleted_module(verified: Patient) -> None:
    (verified.environment.site / "lightning" / "pytorch" / "trainer" / "trainer.py").unlink()
    findings = failing(verified)
    assert set(findings) == {"broken-dists"}
    assert "lightning/pytorch/trainer/trainer.py" in findings["broken-dists"]


def test_leftovers_of_an_interrupted_pip(verified: Patient) -> None:
    site = verified.environment.site
    (site / "numpy").rename(site / "~umpy")
    findings = failing(verified)
    assert "~umpy" in findings["duplicate-dists"]
    assert "numpy" in findings["broken-dists"]


def test_two_metadata_folders_of_one_package(verified: Patient) -> None:
    site = verified.environment.site
    shutil.copytree(site / "fsspec-2024.12.0.dist-info", site / "fsspec-2026.10.0.dist-info")
    metadata = site / "fsspec-2026.10.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 2024.12.0", "Version: 2026.10.0"))
    findings = failing(verified)
    assert "fsspec is installed 2 times" in findings["duplicate-dists"]


def test_a_user_site_that_shadows_a_conda_environment(verified: Patient) -> None:
    environment = verified.environment
    (environment.prefix / "pyvenv.cfg").unlink()
    (environment.prefix / "conda-meta").mkdir()
    (environment.prefix / "conda-meta" / "python-3.11.9-h0_cpython.json").write_text("{}")
    user = verified.tmp / "home" / ".local" / "lib" / "python3.11" / "site-packages"
    user.mkdir(parents=True)
    pip(Path(sys.executable), "install", "-q", "--no-deps", "--target", str(user), "numpy==2.4.6")
    findings = failing(verified)
    assert "numpy 2.4.6" in findings["user-site"]
    assert "hides 1.26.4" in findings["user-site"]


def test_the_probes_import_the_module_that_transcribes(verified: Patient) -> None:
    finding = verified.finding("import-probe", "--deep", "--only", "import-probe")
    assert finding["status"] == "ok", finding
    assert "nemo.collections.asr" in finding["detail"]


def test_the_probes_name_the_innermost_cause(verified: Patient) -> None:
    install_over(verified, "pyarrow==26.*")
    finding = verified.finding("import-probe", "--deep", "--only", "import-probe")
    assert finding["status"] == "fail"
    assert "pyarrow requires NumPy 2.0" in finding["summary"]


@pytest.fixture
def small(verified: Patient, tmp_path: Path) -> tuple[str, ...]:
    """The small Parakeet model and a clip with the few words that it knows."""
    clip = next(one for one in held_out() if one.name == "clip-13.flac")
    wav = tmp_path / "clip.wav"
    with wave.open(str(wav), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes((clip.samples * 32767).astype("<i2").tobytes())
    wav.with_suffix(".txt").write_text(" ".join(clip.words))
    return "--model", str(small_parakeet("small-parakeet-tdt.nemo")), "--sample", str(wav)


ONLY = ("--deep", "--only", "import-probe")


def test_with_a_model_the_probes_transcribe_and_compare(
    verified: Patient, small: tuple[str, ...]
) -> None:
    finding = verified.finding("import-probe", *ONLY, *small)
    assert finding["status"] == "ok", finding
    assert "a sample is transcribed" in finding["summary"]
    assert finding["detail"].count("five scratch that three five and") == 2
    Path(small[-1]).with_suffix(".txt").write_text("people carry seven windows to the river")
    finding = verified.finding("import-probe", *ONLY, *small)
    assert finding["status"] == "fail", finding
    assert "'five scratch that three five and' for 'people carry" in finding["summary"]


def test_a_stack_that_imports_and_cannot_transcribe_fails(
    verified: Patient, small: tuple[str, ...]
) -> None:
    """Everything can be imported, but the encoder crashes when it is used."""
    site = verified.environment.site
    encoder = site / "nemo" / "collections" / "asr" / "modules" / "conformer_encoder.py"
    text = encoder.read_text()
    encoder.unlink()  # a hard link: the original must stay unchanged
    encoder.write_text(
        text + "\nimport os\nConformerEncoder.forward = lambda *a, **k: os.kill(os.getpid(), 11)\n"
    )
    finding = verified.finding("import-probe", *ONLY, *small)
    assert finding["status"] == "fail", finding
    assert "SIGSEGV" in finding["summary"]


def test_a_model_that_could_run_code_is_not_transcribed_with(
    verified: Patient, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    code = f"import os; os.mkdir({str(canary)!r})"
    model = nemo(tmp_path / "evil.nemo", weights=checkpoint(running(code)))
    verified.variables["PARAKEET_MODEL"] = str(model)
    finding = verified.finding("import-probe", *ONLY)
    assert finding["status"] == "ok", finding
    assert "No sample was transcribed" in finding["detail"]
    assert "could run code" in finding["detail"]
    assert not canary.exists()
