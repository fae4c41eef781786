from __future__ import annotations

from pathlib import Path

from parakeet_cli.doctor.inspect import host
from tests.doctor_facts import healthy

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
