"""--ray on a cluster of two nodes on this machine: the same outputs, whichever process dies."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli import console
from parakeet_cli.engines.base import EngineOptions
from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import find_jobs
from parakeet_cli.transcribe.inputs.storage import name_of
from parakeet_cli.transcribe.outputs.plan import plan_outputs
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.progress import SilentView
from parakeet_cli.transcribe.plan.schedule import make_schedule
from parakeet_cli.transcribe.workers import ray as ray_workers
from parakeet_cli.transcribe.workers.dispatcher import dispatch
from parakeet_cli.transcribe.workers.ray import ActorLayout, RayWorkerPool, connect, node_resources
from parakeet_cli.transcribe.workers.worker import WorkerSetup
from parakeet_cli.transcript import Status
from tests.integration.doctor.fake_stack import Environment, Wheel, verified
from tests.integration.transcribe.command import SAID, clip, run, transcribe
from tests.integration.transcribe.dying import DyingActor
from tests.integration.transcribe.test_hangs import start_hasty, stop_one
from tests.integration.transcribe.test_runs import RUN, batch, content, killed
from tests.integration.transcribe.test_signals import signalled
from tests.integration.transcribe.test_workers import interrupted, killed_in_mid_run

pytestmark = pytest.mark.slow
LIMIT = 240
IN_HAND = 6  # files: two actors have room for three each


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of one core each, the second with an ML interpreter that is broken."""
    pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    folder = tmp_path_factory.mktemp("nodes")
    pythons = {}
    for name, numpy in (("whole", verified()["numpy"]), ("broken", Wheel("numpy", "2.3.1"))):
        environment = Environment.new(folder / name)
        environment.install([numpy, verified()["nemo-toolkit"]], folder)
        pythons[name] = {"PARAKEET_ML_PYTHON": str(environment.python)}
    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "env_vars": pythons["whole"]}
    )
    made.add_node(num_cpus=1, env_vars=pythons["broken"])
    yield made
    made.shutdown()


@pytest.fixture
def on_cluster(cluster: Any) -> tuple[str, ...]:
    return ("--ray", "--ray-address", cluster.address, "--workers", "2", "--threads", "2")


def test_two_actors_write_what_one_process_does(
    tmp_path: Path, on_cluster: tuple[str, ...]
) -> None:
    batch(tmp_path, 8)
    assert transcribe(tmp_path, "in", "-f", "txt,json", "-o", "one").code == 0
    asked = ("in", "-f", "txt,json", "-o", "two", "--manifest-out", "m.jsonl", *on_cluster)
    asked += ("--feeders", "2")
    done = transcribe(tmp_path, *asked, limit=LIMIT)
    assert done.code == 0, done.err
    assert "Ray with 2 actors" in done.err
    assert content(tmp_path / "two") == content(tmp_path / "one")
    assert len((tmp_path / "m.jsonl").read_text().splitlines()) == 8


def test_without_an_address_ray_runs_on_this_machine(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    done = transcribe(tmp_path, "a.wav", "--ray", "--threads", "1", limit=LIMIT)
    assert done.code == 0, done.err
    assert done.out == SAID


def test_a_cluster_that_is_not_there_is_a_plain_error(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    asked = ("a.wav", "--ray", "--ray-address", "127.0.0.1:1")
    done = transcribe(tmp_path, *asked, limit=LIMIT)
    assert done.code == 2, done.err
    assert "Ray at 127.0.0.1:1 can't be used" in done.err
    assert "Traceback" not in done.err


def test_a_poison_file_fails_by_name_and_the_rest_is_done(
    tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        clip(tmp_path / f"clip{number}.wav")
    clip(tmp_path / "poison.wav")
    monkeypatch.setattr(ray_workers, "Actor", DyingActor)
    planned = plan_outputs(
        find_jobs([str(tmp_path)]), expand_formats(["txt"]), f"{tmp_path}/out", "{filename}"
    )
    options = EngineOptions(threads=2)
    setup = WorkerSetup("mock", options, PipelineOptions(), False, console.Verbosity())
    ray = connect(cluster.address)
    layout = ActorLayout.of(node_resources(ray), 2, options, gpu=False)
    assert layout == ActorLayout(2, 1, 0.0)
    with RayWorkerPool(ray, setup, layout) as pool:
        todo = make_schedule(planned, PipelineOptions()).todo
        found = {
            name_of(item.job.path): result
            for item, result in dispatch(
                todo, pool, [pool.start(), pool.start()], SilentView(), attempts=2
            )
        }
    poisoned = found.pop("poison.wav")
    assert poisoned.status is Status.FAILED
    assert "poison.wav ended the engine's process each time" in (poisoned.reason or "")
    assert {result.status for result in found.values()} == {Status.OK}
    assert len(content(tmp_path / "out")) == 5


def actors(_driver: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(b"ray::Actor"):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_actors_killed_in_mid_run_cost_only_time(
    tmp_path: Path, on_cluster: tuple[str, ...]
) -> None:
    assert killed_in_mid_run(tmp_path, 24, 7, 5, on_cluster, actors) >= 2


def test_an_actor_that_is_stopped_is_replaced_and_every_file_is_done(
    tmp_path: Path, on_cluster: tuple[str, ...]
) -> None:
    batch(tmp_path, 12)
    assert transcribe(tmp_path, "in", "-f", "txt,json", "-o", "whole").code == 0
    process = start_hasty(tmp_path, *RUN, *on_cluster)
    stopped = stop_one(process, tmp_path, actors)
    _, err = process.communicate(timeout=LIMIT)
    with contextlib.suppress(ProcessLookupError):  # Ray may have ended it meanwhile
        os.kill(stopped, signal.SIGKILL)
    assert process.returncode == 0, err
    assert "12 files: 12 ok." in err
    assert content(tmp_path / "out") == content(tmp_path / "whole")


@pytest.mark.soak
def test_actors_killed_thirty_times_in_a_run_cost_only_time(
    tmp_path: Path, on_cluster: tuple[str, ...]
) -> None:
    assert killed_in_mid_run(tmp_path, 240, 7, 6, on_cluster, actors) >= 30


def test_ctrl_c_leaves_whole_files_and_a_line_of_each(
    tmp_path: Path, on_cluster: tuple[str, ...]
) -> None:
    assert interrupted(tmp_path, on_cluster, 3) >= 2


def test_told_to_end_at_any_moment_everything_is_whole_and_goes_on(
    tmp_path: Path, on_cluster: tuple[str, ...]
) -> None:
    assert signalled(tmp_path, on_cluster, 2, 3) >= 1


@pytest.mark.soak
def test_told_to_end_at_thirty_moments(tmp_path: Path, on_cluster: tuple[str, ...]) -> None:
    assert signalled(tmp_path, on_cluster, 30, 4) >= 20


def test_a_killed_driver_s_run_goes_on(tmp_path: Path, on_cluster: tuple[str, ...]) -> None:
    killed(tmp_path, 1, 6, *on_cluster, in_hand=IN_HAND)


@pytest.mark.soak
def test_a_driver_of_ray_killed_at_thirty_random_moments_goes_on(
    tmp_path: Path, on_cluster: tuple[str, ...]
) -> None:
    killed(tmp_path, 30, 7, *on_cluster, in_hand=IN_HAND)


def test_the_doctor_shows_every_node_and_which_is_broken(tmp_path: Path, cluster: Any) -> None:
    asked = ("doctor", "--ray", "--ray-address", cluster.address, "--only", "numpy-pin")
    done = run(tmp_path, *asked, "--json", limit=LIMIT, engine={})
    assert done.code == 1, done.out
    found = json.loads(done.out)
    assert found["schema"] == "parakeet.doctor.nodes/1"
    healthy = {Path(node["report"]["python"]).parts[-3]: node["healthy"] for node in found["nodes"]}
    assert healthy == {"whole": True, "broken": False}
    table = run(tmp_path, *asked, limit=LIMIT, engine={})
    assert table.code == 1, table.err
    head, *rows = table.out.decode().splitlines()
    assert head.split() == ["NODE", "ADDRESS", "HEALTHY", "STACK", "PYTHON", "WHAT", "IS", "WRONG"]
    assert len(rows) == 2
    (bad,) = [row for row in rows if "/broken/" in row]
    assert "numpy-pin" in bad
    assert " no " in bad
    (good,) = [row for row in rows if "/whole/" in row]
    assert " yes " in good
    assert "numpy-pin" not in good
