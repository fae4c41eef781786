from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.doctor.inspect.container import read_container


def a_root(folder: Path, **files: str) -> Path:
    """A root folder with these files; `_` stands for a slash, and `DOT` for a leading dot."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "variables", "engine"),
    [
        ({"DOTdockerenv": ""}, {}, "Docker"),
        ({"run__DOTcontainerenv": 'engine="podman-5.2.1"\nrootless=1\n'}, {}, "Podman"),
        ({"run__DOTcontainerenv": "", "DOTdockerenv": ""}, {}, "Podman"),
        ({"DOTsingularity.d__runscript": ""}, {}, "Apptainer"),
        ({}, {"APPTAINER_CONTAINER": "/images/parakeet.sif"}, "Apptainer"),
        ({}, {"SINGULARITY_CONTAINER": "/images/parakeet.sif"}, "Apptainer"),
        ({"DOTdockerenv": ""}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "Kubernetes"),
        ({"proc__1__cgroup": "12:pids:/kubepods/besteffort/pod1/4f\n"}, {}, "Kubernetes"),
        ({"proc__1__cgroup": "4:memory:/docker/0f3d\n"}, {}, "Docker"),
        ({"proc__1__cgroup": "0::/system.slice/docker-0f3d.scope\n"}, {}, "Docker"),
        ({"proc__1__cgroup": "0::/machine.slice/libpod-4e5f.scope\n"}, {}, "Podman"),
        (
            {
                "proc__self__mountinfo": "22 1 0:20 / / rw - overlay overlay rw,"
                "lowerdir=/var/lib/containers/storage/overlay/l/A\n"
            },
            {},
            "Podman",
        ),
        (
            {
                "proc__self__mountinfo": "22 1 0:20 / / rw - overlay overlay rw,"
                "lowerdir=/var/lib/containerd/snapshots/1/fs\n"
            },
            {},
            "",
        ),
        ({}, {"container": "podman"}, "Podman"),
        ({}, {"container": "systemd-nspawn"}, ""),
    ],
)
def test_a_container_is_known_by_what_its_engine_leaves_in_it(
    files: dict[str, str], variables: dict[str, str], engine: str, tmp_path: Path
) -> None:
    container = read_container(variables, a_root(tmp_path / "root", **files))
    assert container is not None
    assert container.engine == engine


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc__1__cgroup": "0::/init.scope\n"},
        # A machine that runs containers, and has their file systems among its mounts.
        {
            "proc__self__mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
            "90 22 0:50 / /var/lib/docker/overlay2/1/merged rw - overlay overlay "
            "rw,lowerdir=/var/lib/containerd/1/fs\n"
        },
    ],
)
def test_a_machine_is_no_container(files: dict[str, str], tmp_path: Path) -> None:
    assert read_container({"PATH": "/usr/bin"}, a_root(tmp_path / "root", **files)) is None


def test_device_nodes_rootless_and_the_wish_for_a_gpu_are_read(tmp_path: Path) -> None:
    root = a_root(
        tmp_path / "root",
        run__DOTcontainerenv="rootless=1\n",
        dev__nvidia0="",
        dev__nvidiactl="",
        dev__null="",
    )
    (root / "dev" / "shm").mkdir()
    container = read_container({"NVIDIA_VISIBLE_DEVICES": "all"}, root)
    assert container is not None
    assert container.rootless
    assert container.nodes == ("/dev/nvidia0", "/dev/nvidiactl")
    assert container.asks_for_gpu
    assert container.shared_memory


@pytest.mark.parametrize("value", ["void", "none", ""])
def test_a_container_that_is_given_no_gpu_on_purpose_asks_for_none(
    value: str, tmp_path: Path
) -> None:
    root = a_root(tmp_path / "root", DOTdockerenv="")
    container = read_container({"NVIDIA_VISIBLE_DEVICES": value}, root)
    assert container is not None
    assert not container.asks_for_gpu
    assert container.shared_memory is None  # it has no /dev/shm at all
