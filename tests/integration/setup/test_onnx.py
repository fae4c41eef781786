"""`parakeet setup` of the engine onnx, whole: a real model, a real clip, the config at its end."""

from __future__ import annotations

import json
import shutil

from tests.held_out import held_out, small_parakeet
from tests.hub import Hub
from tests.integration.doctor.fake_stack import gpu_line, nvidia_smi
from tests.integration.setup.machine import ONNX, Machine

KEYS = ["engine", "stack", "torch_index", "model", "env", "bytes", "steps"]


def test_after_a_setup_the_engine_is_used_unasked(machine: Machine) -> None:
    done = machine.setup_onnx("--engine", "onnx", "--yes")
    assert done.returncode == 0, done.stderr
    model = str(small_parakeet(ONNX))
    assert machine.settings() == {"version": 1, "engine": "onnx", "model": model}
    heard = machine.run("transcribe", str(machine.clip))
    assert heard.stdout.split() == list(held_out()[0].words)
    assert "Engine: onnx" in heard.stderr
    # The model belongs to onnx: another engine takes its own.
    other = machine.run("transcribe", str(machine.clip), "--engine", "whisper")
    assert other.returncode == 0, other.stderr
    assert "small-parakeet" not in other.stderr
    again = machine.setup_onnx("--engine", "onnx", "--yes")
    assert again.returncode == 0


def test_the_plan_as_json_has_its_keys_and_a_dry_run_leaves_nothing(machine: Machine) -> None:
    done = machine.setup_onnx("--dry-run", "--json")
    plan = json.loads(done.stdout)
    assert (done.returncode, list(plan)) == (0, KEYS)
    assert (plan["engine"], plan["stack"], plan["torch_index"]) == ("onnx", None, None)
    assert (plan["model"], plan["bytes"]) == (str(small_parakeet(ONNX)), 0)
    assert all(step.endswith(".") for step in plan["steps"])
    assert machine.left() == []
    done = machine.setup_onnx("--json", "--yes")
    assert list(json.loads(done.stdout)) == KEYS
    assert machine.settings()["engine"] == "onnx"


def test_without_a_gpu_v3_int8_is_chosen_and_with_one_nemo(machine: Machine) -> None:
    plan = json.loads(machine.run("setup", "--dry-run", "--json").stdout)
    assert (plan["engine"], plan["model"]) == ("onnx", "v3-int8")
    assert plan["bytes"] > 6e8
    nvidia_smi(machine.folder / "bin", gpu_line("RTX 5090", "570.86.10"), "12.8")
    plan = json.loads(machine.run("setup", "--dry-run", "--json").stdout)
    assert (plan["engine"], plan["stack"], plan["torch_index"]) == ("nemo", "3.0", "cu128")
    assert plan["env"].startswith(str(machine.data))
    assert plan["bytes"] > 5e9
    nvidia_smi(machine.folder / "bin", gpu_line("RTX 5090", "550.54.14"), "12.4")
    refused = machine.run("setup", "--yes")
    assert refused.returncode == 6
    assert "570" in refused.stderr
    assert machine.left() == []


def test_off_a_terminal_nothing_is_asked_and_nothing_done(machine: Machine) -> None:
    done = machine.setup_onnx()
    assert (done.returncode, done.stdout) == (1, "")
    assert "--yes" in done.stderr
    assert machine.left() == []


def test_an_engine_that_is_not_proved_leaves_the_configuration_as_it_was(machine: Machine) -> None:
    machine.clip.with_suffix(".txt").write_text("nothing of this was said in the clip at all")
    machine.config.parent.mkdir(parents=True)
    machine.config.write_text('{"threads": 1, "engine": "whisper", "model": "base"}')
    before = machine.config.read_bytes()
    done = machine.setup_onnx("--engine", "onnx", "--yes")
    assert done.returncode == 1
    assert "wrong" in done.stderr
    assert machine.config.read_bytes() == before
    machine.clip.with_suffix(".txt").unlink()
    assert machine.setup_onnx("--engine", "onnx", "--yes").returncode == 0
    assert machine.settings() == {
        "threads": 1,
        "engine": "onnx",
        "model": str(small_parakeet(ONNX)),
    }


def test_a_model_that_can_not_be_had_is_exit_3_and_one_that_can_not_be_loaded_1(
    machine: Machine,
) -> None:
    for name in ("no-such-model", "./none", "v3-int8"):
        done = machine.run("setup", "--engine", "onnx", "--model", name, "--yes", "--offline")
        assert done.returncode == 3, done.stderr
    broken = machine.folder / "broken"
    shutil.copytree(small_parakeet(ONNX), broken)
    (broken / "encoder-model.onnx").write_bytes(b"nothing")
    words = ("setup", "--engine", "onnx", "--model", str(broken), "--yes")
    done = machine.run(*words, "--sample", str(machine.clip))
    assert done.returncode == 1
    assert machine.left() == []


def test_what_keeps_it_from_being_used_is_said(machine: Machine) -> None:
    machine.variables["PARAKEET_ENGINE"] = "whisper"
    done = machine.setup_onnx("--engine", "onnx", "--yes")
    assert done.returncode == 0
    assert "unset PARAKEET_ENGINE" in done.stderr


def test_a_model_of_a_hub_is_pulled_and_goes_again_if_it_is_not_proved(machine: Machine) -> None:
    with Hub() as hub:
        files = {path.name: path.read_bytes() for path in small_parakeet(ONNX).iterdir()}
        hub.add("me/small", files)
        cache = machine.folder / "cache"
        machine.variables |= {"HF_ENDPOINT": hub.url, "HF_HOME": str(cache)}
        words = ("setup", "--engine", "onnx", "--model", "me/small", "--yes")
        plan = json.loads(machine.run(*words, "--dry-run", "--json").stdout)
        assert (plan["model"], plan["bytes"]) == ("me/small", None)
        refused = machine.run(*words)  # it doesn't know the words of the clip that ships
        assert refused.returncode == 1, refused.stderr
        assert not (cache / "hub" / "models--me--small").exists()
        done = machine.run(*words, "--sample", str(machine.clip))
        assert done.returncode == 0, done.stderr
        assert machine.settings()["model"] == "me/small"
    heard = machine.run("transcribe", str(machine.clip))
    assert heard.stdout.split() == list(held_out()[0].words)


def test_what_contradicts_itself_is_refused(machine: Machine) -> None:
    refused = machine.run("setup", "--list", "--remove", "nemo-3.0")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--list and --remove" in refused.stderr


def test_without_the_model_no_environment_is_made(machine: Machine) -> None:
    machine.variables |= {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_ETAG_TIMEOUT": "1"}
    for engine in ("onnx", "nemo"):
        done = machine.run("setup", "--engine", engine, "--yes")
        assert done.returncode == 3, done.stderr
        assert machine.left() == []
