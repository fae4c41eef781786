from __future__ import annotations

from pathlib import Path

from parakeet_cli.doctor.facts import CondaRecord
from parakeet_cli.doctor.inspect import host
from parakeet_cli.doctor.inspect.interpreter import read_interpreter
from tests.doctor_facts import OnDisk, healthy

HEALTHY = healthy()


def test_variables_are_read_without_their_secrets() -> None:
    found = host.read_variables(
        {
            "PIP_INDEX_URL": "https://me:secret@example.org/simple",
            "HF_TOKEN": "hf_secret",
            "LD_LIBRARY_PATH": "/opt/cuda/lib64",
            "EDITOR": "vi",
        }
    )
    assert found == {
        "PIP_INDEX_URL": "https://***@example.org/simple",
        "HF_TOKEN": "(set)",
        "LD_LIBRARY_PATH": "/opt/cuda/lib64",
    }


def test_conda_records_name_the_distributions_among_their_files(tmp_path: Path) -> None:
    env = OnDisk.new(tmp_path / "c")
    site = "lib/python3.11/site-packages"
    files = {
        "cuda-toolkit-12.8.1-ha804496_0.json": "",
        "history": f'"{site}/never-1.0.dist-info/METADATA"',
        "py-opencv-4.9.0-py311_0.json": f'"{site}/opencv_python-4.9.0.dist-info/METADATA"',
        "pytorch-2.5.1-py311_0.json": f'"{site}/torch-2.5.1-py3.11.egg-info/PKG-INFO"',
        "sox-14.4.2-h0_0.json": '"bin/sox"',
    }
    (env.prefix / "conda-meta").mkdir()
    for name, text in files.items():
        (env.prefix / "conda-meta" / name).write_text(text)
    found = host.read_conda_records(read_interpreter(env.python, {"HOME": "/nowhere"}))
    assert found == (
        CondaRecord("cuda-toolkit", "12.8.1"),
        CondaRecord("py-opencv", "4.9.0", (("opencv-python", "4.9.0"),)),
        CondaRecord("pytorch", "2.5.1", (("torch", "2.5.1"),)),
        CondaRecord("sox", "14.4.2"),
    )


def test_disk_is_measured_where_pip_writes(tmp_path: Path) -> None:
    variables = {"TMPDIR": str(tmp_path), "PIP_CACHE_DIR": str(tmp_path / "not" / "yet")}
    found = {disk.role: disk for disk in host.read_disks(HEALTHY.interpreter, variables)}
    assert found["the temporary folder"].path == str(tmp_path)
    assert found["pip's cache"].free > 0


def test_models_in_the_cache_are_complete_or_damaged(tmp_path: Path) -> None:
    hub = tmp_path / "hub"
    for name in ("whole", "dangling", "half", "empty"):
        (hub / f"models--nvidia--{name}" / "blobs").mkdir(parents=True)
        (hub / f"models--nvidia--{name}" / "snapshots" / "abc").mkdir(parents=True)
    blob = hub / "models--nvidia--whole/blobs/1"
    blob.write_text("x")
    (hub / "models--nvidia--whole/snapshots/abc/model.nemo").symlink_to(blob)
    (hub / "models--nvidia--dangling/snapshots/abc/model.nemo").symlink_to("../../blobs/gone")
    (hub / "models--nvidia--half/snapshots/abc/model.nemo").write_text("x")
    (hub / "models--nvidia--half/blobs/2.incomplete").write_text("x")
    found = host.read_model_cache({"HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1"})
    assert found.models == ("nvidia/whole",)
    assert found.damaged == ("nvidia/dangling", "nvidia/empty", "nvidia/half")
    assert found.offline == "HF_HUB_OFFLINE"
    assert host.read_model_cache({"HF_HOME": str(tmp_path / "none")}).models == ()
