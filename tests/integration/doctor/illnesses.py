"""How an environment is made ill, the way people's become ill: pip puts a wheel over it,
a folder is left behind, a variable points elsewhere.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

from tests.integration.doctor.conftest import Patient
from tests.integration.doctor.madeup import Wheel, gpu_line, nvidia_smi, verified

Illness = Callable[[Patient], None]


def with_wheels(*wheels: Wheel) -> Illness:
    """Someone pip-installed these, without constraints."""

    def make(patient: Patient) -> None:
        patient.environment.install(wheels, patient.tmp / "wheels")

    return make


def without(*names: str) -> Illness:
    def make(patient: Patient) -> None:
        patient.environment.uninstall(*names)

    return make


def with_gpu(gpu: str, driver: str, cuda: str) -> Illness:
    def make(patient: Patient) -> None:
        nvidia_smi(patient.tmp / "bin", gpu_line(gpu, driver), cuda)

    return make


def with_driver_saying(words: str, status: int) -> Illness:
    def make(patient: Patient) -> None:
        nvidia_smi(patient.tmp / "bin", words, status=status)

    return make


def with_library(folder: str, name: str, content: bytes = b"\x7fELF") -> Illness:
    """LD_LIBRARY_PATH has a folder with this library."""

    def make(patient: Patient) -> None:
        place = patient.tmp / folder
        place.mkdir(parents=True)
        (place / name).write_bytes(content)
        patient.variables["LD_LIBRARY_PATH"] = str(place)

    return make


def with_variable(name: str, value: str) -> Illness:
    def make(patient: Patient) -> None:
        patient.variables[name] = value

    return make


def release(name: str, version: str) -> Wheel:
    """The verified distribution at another version."""
    return replace(verified()[name], version=version)


def leftover(patient: Patient) -> None:
    """pip was interrupted while it replaced NumPy."""
    (patient.environment.site / "~umpy").mkdir()
    (patient.environment.site / "~umpy" / "__init__.py").write_text("")


def second_metadata(patient: Patient) -> None:
    site = patient.environment.site
    shutil.copytree(site / "numpy-1.26.4.dist-info", site / "numpy-2.4.6.dist-info")
    metadata = site / "numpy-2.4.6.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("1.26.4", "2.4.6"))


def conda_with_user_site(patient: Patient) -> None:
    """A named conda environment, and `pip install --user` from before it."""
    environment = patient.environment
    (environment.prefix / "pyvenv.cfg").unlink()
    (environment.prefix / "conda-meta").mkdir()
    (environment.prefix / "conda-meta" / "python-3.11.9-h0_cpython.json").write_text("{}")
    user = patient.tmp / "home" / ".local" / "lib" / "python3.11" / "site-packages"
    user.mkdir(parents=True)
    wheel = replace(verified()["numpy"], version="2.4.6").build(patient.tmp)
    shutil.unpack_archive(wheel, user, "zip")


def half_a_model(patient: Patient) -> None:
    """A download that was broken off: the snapshot's link leads nowhere."""
    model = patient.tmp / "home/.cache/huggingface/hub/models--nvidia--parakeet-tdt-0.6b-v2"
    snapshot = model / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "parakeet.nemo").symlink_to("../../blobs/gone")
