"""Faults that damage an environment as it happens to people.

pip installs a wheel over it, a folder is left behind, a variable points to another folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace

from tests.integration.doctor.conftest import Patient
from tests.integration.doctor.fake_stack import Wheel, gpu_line, nvidia_smi, verified

Fault = Callable[[Patient], None]


def with_wheels(*wheels: Wheel) -> Fault:
    """These wheels were installed by pip without constraints."""

    def apply(patient: Patient) -> None:
        patient.environment.install(wheels, patient.tmp / "wheels")

    return apply


def without(*names: str) -> Fault:
    def apply(patient: Patient) -> None:
        patient.environment.uninstall(*names)

    return apply


def with_gpu(gpu: str, driver: str, cuda: str) -> Fault:
    def apply(patient: Patient) -> None:
        nvidia_smi(patient.tmp / "bin", gpu_line(gpu, driver), cuda)

    return apply


def with_driver_message(words: str, status: int) -> Fault:
    def apply(patient: Patient) -> None:
        nvidia_smi(patient.tmp / "bin", words, status=status)

    return apply


def with_library(folder: str, name: str, content: bytes = b"\x7fELF") -> Fault:
    """LD_LIBRARY_PATH has a folder with this library."""

    def apply(patient: Patient) -> None:
        path = patient.tmp / folder
        path.mkdir(parents=True)
        (path / name).write_bytes(content)
        patient.variables["LD_LIBRARY_PATH"] = str(path)

    return apply


def with_variable(name: str, value: str) -> Fault:
    def apply(patient: Patient) -> None:
        patient.variables[name] = value

    return apply


def release(name: str, version: str) -> Wheel:
    """The verified distribution in another version."""
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
    """A named conda environment, and packages of an earlier `pip install --user`."""
    environment = patient.environment
    (environment.prefix / "pyvenv.cfg").unlink()
    (environment.prefix / "conda-meta").mkdir()
    (environment.prefix / "conda-meta" / "python-3.11.9-h0_cpython.json").write_text("{}")
    user = patient.tmp / "home" / ".local" / "lib" / "python3.11" / "site-packages"
    user.mkdir(parents=True)
    wheel = replace(verified()["numpy"], version="2.4.6").build(patient.tmp)
    shutil.unpack_archive(wheel, user, "zip")


def incomplete_model(patient: Patient) -> None:
    """An interrupted download: the snapshot's link dangles."""
    model = patient.tmp / "home/.cache/huggingface/hub/models--nvidia--parakeet-tdt-0.6b-v2"
    snapshot = model / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "parakeet.nemo").symlink_to("../../blobs/gone")
