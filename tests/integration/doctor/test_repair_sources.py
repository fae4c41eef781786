"""Where a repair takes its packages from, with a network and without one."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.integration.doctor.fake_stack import CU128_28, Environment, gpu_line, nvidia_smi, torch
from tests.integration.doctor.repairing import Surgery, index, inert

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
# A network namespace with nothing in it: not even this machine can be reached.
ALONE = ("unshare", "--map-root-user", "--net")
HIDDEN = ("unshare", "--map-root-user", "--mount", "sh", "-c")


def can(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


needs_namespaces = pytest.mark.skipif(
    not can(*ALONE, "true") or not can(*HIDDEN, "mount -t tmpfs none /mnt"),
    reason="namespaces can't be made here",
)


def test_no_network_and_no_wheelhouse_is_refused(surgery: Surgery) -> None:
    surgery.variables = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0"}
    before = surgery.tree()
    done = surgery.run("--fix", "--yes", "--torch-index", "default")
    assert done.returncode == 6, done.stderr
    assert surgery.tree() == before


def test_an_index_of_torchs_own_that_gives_nothing_is_named_with_the_way_around_it(
    surgery: Surgery,
) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    surgery.variables = {"PIP_INDEX_URL": index(surgery.tmp / "ordinary"), "PIP_RETRIES": "0"}
    before = surgery.tree()
    done = surgery.run("--reinstall", "--yes", "--torch-index", nowhere)
    assert done.returncode == 6, done.stderr
    assert f"torch was looked for on {nowhere}" in done.stderr
    assert "--torch-index default" in done.stderr
    assert surgery.tree() == before


def test_torch_comes_from_its_own_index_where_the_gpu_needs_another_build(
    surgery: Surgery,
) -> None:
    line = gpu_line("RTX 5090", "575.57.08")
    nvidia_smi(surgery.tmp / "bin", line, "12.9")
    surgery.variables = {
        "PIP_INDEX_URL": index(surgery.tmp / "ordinary"),
        "PIP_FIND_LINKS": str(surgery.wheelhouse),
    }
    own = index(surgery.tmp / "cu128", inert(torch("2.11.0+cu128", "12.8", CU128_28)))
    done = surgery.run("--dry-run", "--json", "--skip", "gpu-probe", "--torch-index", own)
    plan = json.loads(done.stdout)["plan"]
    [stage] = [step for step in plan if step["stage"] == 2]
    assert {"name": "torch", "from": "2.13.0+cpu", "to": "2.11.0+cu128"} in stage["changes"]
    assert own in stage["commands"][0]


def test_a_torch_that_suits_the_stack_stays_and_its_index_is_never_asked(
    surgery: Surgery,
) -> None:
    nowhere = "http://127.0.0.1:9/simple"
    surgery.variables = {
        "PIP_INDEX_URL": index(surgery.tmp / "ordinary"),
        "PIP_FIND_LINKS": str(surgery.wheelhouse),
    }
    done = surgery.run("--fix", "--yes", "--torch-index", nowhere)
    assert done.returncode == 0, done.stderr
    assert surgery.versions()["torch"] == "2.13.0+cpu"


def test_a_wheelhouse_that_was_filled_mends_without_a_network(surgery: Surgery) -> None:
    before = surgery.tree()
    surgery.variables = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(surgery.wheelhouse)}
    house = surgery.tmp / "filled"
    words = ("--dry-run", "--download", "--wheelhouse", str(house), "--torch-index", "default")
    done = surgery.run(*words)
    assert done.returncode == 0, done.stderr
    assert surgery.tree() == before
    surgery.variables, surgery.wheelhouse = {}, house
    done = surgery.fix()
    assert done.returncode == 0, done.stderr


@needs_namespaces
def test_with_no_network_at_all_a_wheelhouse_mends_and_without_one_nothing_is_touched(
    surgery: Surgery,
) -> None:
    surgery.variables = {
        "PIP_INDEX_URL": index(surgery.tmp / "ordinary"),
        "PIP_FIND_LINKS": str(surgery.wheelhouse),
    }
    house = surgery.tmp / "filled"
    words = ("--dry-run", "--download", "--wheelhouse", str(house), "--torch-index", "default")
    done = surgery.run(*words)
    assert done.returncode == 0, done.stderr
    surgery.before = ALONE
    before = surgery.tree()
    for retries, said in {
        "0": "pip finds no suitable file of numpy",
        "1": "can't be reached",
    }.items():
        surgery.variables = {"PIP_RETRIES": retries}
        done = surgery.run("--fix", "--yes", "--torch-index", "default")
        assert done.returncode == 6, done.stderr
        assert said in done.stderr
        assert "conflict" not in done.stderr
        assert "--wheelhouse DIR" in done.stderr
        assert surgery.tree() == before
    surgery.wheelhouse = house
    done = surgery.fix()
    assert done.returncode == 0, done.stderr
    assert surgery.versions()["numpy"] == "1.26.4"


# Whose pip does it


def without_pip(surgery: Surgery) -> Path:
    """A doctor beside whom no pip is installed: its own environment has none."""
    tool = Environment.new(surgery.tmp / "tool")
    needed = surgery.tmp / "needed"
    needed.mkdir()
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        if path.name.split("-")[0] != "pip":
            (needed / path.name).symlink_to(path)
    (tool.site / "needed.pth").write_text(f"{needed}\n{ROOT}\n")
    found = [str(tool.python), "-c", "import importlib.util as u; print(u.find_spec('pip'))"]
    said = subprocess.run(found, capture_output=True, text=True, check=True).stdout
    assert said == "None\n"
    return tool.python


def test_an_environment_without_pip_is_served_by_the_pip_beside_the_doctor(
    surgery: Surgery,
) -> None:
    assert "pip" not in surgery.versions()
    [step, *_] = surgery.plan()
    typed = f"{sys.executable} -m pip --python {surgery.environment.python} install"
    assert typed in step["commands"][0]
    done = surgery.fix()
    assert done.returncode == 0, done.stderr
    assert "pip" not in surgery.versions()


def test_where_the_doctor_has_no_pip_either_the_one_that_python_brings_does_it(
    surgery: Surgery,
) -> None:
    surgery.doctor = without_pip(surgery)
    before = surgery.tree()
    done = surgery.fix()
    assert done.returncode == 0, done.stderr
    assert surgery.versions()["numpy"] == "1.26.4"
    assert "pip" not in surgery.versions()
    assert surgery.run("rollback").returncode == 0
    assert surgery.tree() == before


@needs_namespaces
def test_without_any_pip_it_is_refused_with_what_to_type(surgery: Surgery) -> None:
    import ensurepip

    surgery.doctor = without_pip(surgery)
    places = [Path(ensurepip.__file__).parent / "_bundled", Path("/usr/share/python-wheels")]
    hide = [f"mount -t tmpfs none {place} && " for place in places if place.is_dir()]
    surgery.before = (*HIDDEN, "".join(hide) + 'exec "$@"', "sh")
    before = surgery.tree()
    done = surgery.fix()
    assert done.returncode == 6, done.stderr
    assert "There is no pip" in done.stderr
    assert f"{surgery.environment.python} -m ensurepip" in done.stderr
    assert surgery.tree() == before
