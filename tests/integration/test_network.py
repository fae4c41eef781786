"""Tests that nothing is sent anywhere: strace shows every address that a command talks to.

Each command runs in an empty home. The files that it leaves there are checked as well: a
library that sends statistics first writes down an id for the device.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import pytest

from parakeet_cli.system.telemetry import ml_environment
from tests.integration.dictate.sound_server import needs_pulseaudio, running
from tests.stacks import Stacks

STRACE = shutil.which("strace")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(STRACE is None, reason="strace is not installed"),
]

ROOT = Path(__file__).parents[2]
CLIP = str(ROOT / "samples" / "sense_0880.wav")
MODELS = ROOT / "tests" / "fixtures" / "models"
TOY = str(MODELS / "small-parakeet-tdt-onnx")
CLOUD = "169.254.169.254"  # link-local: what a cloud's virtual machines know about themselves
PARAKEET = (sys.executable, "-m", "parakeet_cli")

_CALL = re.compile(r"\b(connect|bind|sendto|sendmsg|sendmmsg)\(")
_ADDRESS = re.compile(r'inet_(?:addr\(|pton\(AF_INET6, )"([^"]+)"')
_RESOLVER = '"/etc/resolv.conf"'  # glibc reads it before it looks up any name


@dataclass(frozen=True, slots=True)
class Trace:
    """What a command did: the addresses beyond this machine, name look-ups, and files."""

    addresses: frozenset[str]
    looked_up: bool
    listened: frozenset[str]  # every address of this machine at which something could connect
    files: frozenset[str]
    output: str


def trace(home: Path, *command: str, **variables: str) -> Trace:
    """Run a command in an empty home, all its processes watched."""
    home.mkdir()
    log = home.with_suffix(".trace")
    assert STRACE is not None
    watch = (STRACE, "-f", "-s", "256", "-o", str(log), "-e", "trace=network,openat")
    done = subprocess.run(
        [*watch, *command],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "HOME": str(home), **variables},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if "ptrace" in done.stderr and not (log.exists() and log.stat().st_size):
        pytest.skip("strace may not trace here")
    calls = log.read_text(errors="replace").splitlines()
    network = [call for call in calls if _CALL.search(call)]
    found = {
        address.removeprefix("::ffff:") for call in network for address in _ADDRESS.findall(call)
    }
    return Trace(
        frozenset(address for address in found if not ip_address(address).is_loopback),
        any(_RESOLVER in call for call in calls),
        frozenset(
            address
            for call in network
            if " bind(" in call
            for address in _ADDRESS.findall(call)
            if not ip_address(address.removeprefix("::ffff:")).is_loopback
        ),
        frozenset(str(one.relative_to(home)) for one in home.rglob("*") if one.is_file()),
        f"{done.stdout}\n{done.stderr}",
    )


def assert_nothing_was_sent(traced: Trace) -> None:
    assert not traced.addresses
    assert not traced.looked_up
    assert [name for name in traced.files if "parakeet" not in Path(name).parts] == []


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("transcribe", CLIP), "young man"),
        (("transcribe", CLIP, "--engine", "onnx", "--model", TOY), "Engine: onnx"),
        (("dictate", "--from-file", CLIP), "young man"),
        (("doctor",), "Next: "),
        (("models", "list"), "Engine nemo"),
        (("models", "scan", TOY), "nothing in it could run code"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_command_talks_to_this_machine_only(
    tmp_path: Path, arguments: tuple[str, ...], shown: str
) -> None:
    traced = trace(tmp_path / "home", *PARAKEET, *arguments)
    assert shown in traced.output
    assert_nothing_was_sent(traced)


def test_workers_talk_to_this_machine_only(tmp_path: Path) -> None:
    clips = [shutil.copy(CLIP, tmp_path / f"{name}.wav") for name in "ab"]
    options = ("--workers", "2", "-f", "txt", "-o", str(tmp_path / "out"))
    traced = trace(tmp_path / "home", *PARAKEET, "transcribe", *map(str, clips), *options)
    assert (tmp_path / "out" / "b.txt").exists(), traced.output
    assert_nothing_was_sent(traced)


def test_ray_on_this_machine_listens_on_loopback_and_asks_only_for_the_cloud(
    tmp_path: Path,
) -> None:
    """Ray asks the clouds' own addresses, which no network routes, whether it is in one of them.

    It has no switch for that (2.60); its name server may be asked for the name of Google's.
    """
    pytest.importorskip("ray")
    out = tmp_path / "out"
    options = ("--engine", "mock", "--ray", "--threads", "1", "-f", "txt", "-o", str(out))
    traced = trace(tmp_path / "home", *PARAKEET, "transcribe", CLIP, *options)
    assert (out / "sense_0880.txt").exists(), traced.output
    assert traced.listened == frozenset()
    servers = re.findall(r"^nameserver\s+(\S+)", Path("/etc/resolv.conf").read_text(), re.M)
    assert traced.addresses <= {CLOUD, *servers}
    assert traced.files <= {".ray/auth_token"}


@needs_pulseaudio
def test_a_microphone_is_heard_on_this_machine_only(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        command = (*PARAKEET, "dictate", "--engine", "mock", "--duration", "2")
        traced = trace(tmp_path / "home", *command, **server.environment)
    assert "Listening" in traced.output
    assert not traced.addresses
    assert not traced.looked_up
    assert [name for name in traced.files if not {"parakeet", "pulse"} & {*Path(name).parts}] == []


def test_the_background_process_talks_to_this_machine_only(tmp_path: Path) -> None:
    text, runtime = tmp_path / "text.txt", tmp_path / "run"
    runtime.mkdir(mode=0o700)
    dictate = shlex.join([*PARAKEET, "dictate"])
    start = shlex.join(["--from-file", CLIP, "--fast", "--sink", f"file:{text}", "start"])
    script = f"{dictate} {start} && {dictate} stop && {dictate} stop --quit"
    variables = {"XDG_RUNTIME_DIR": str(runtime), "PARAKEET_ENGINE": "mock"}
    traced = trace(tmp_path / "home", "sh", "-c", script, **variables)
    assert "mock transcript" in text.read_text(), traced.output
    assert_nothing_was_sent(traced)


def test_the_ml_stack_talks_to_this_machine_only(tmp_path: Path, stacks: Stacks) -> None:
    python = str(stacks("verified-3").python)
    traced = trace(tmp_path / "home", *PARAKEET, "doctor", "--deep", "--python", python)
    assert "Stack   3.0" in traced.output
    assert_nothing_was_sent(traced)


def test_nemos_logger_stays_off_in_a_job_of_a_scheduler(tmp_path: Path, stacks: Stacks) -> None:
    """NeMo 3 switches it on where RANK is 0, and exports where a file in the folder says so."""
    named = tmp_path / "one_logger_exporters_config.yaml"
    named.write_text("exporters:\n- class_name: 'gone.Exporter'\n")
    code = (
        "import nemo.collections.asr\n"
        "from nemo.lightning.callback_group import CallbackGroup\n"
        "from nv_one_logger.api.one_logger_provider import OneLoggerProvider\n"
        "CallbackGroup.get_instance()\n"
        "print('enabled:', OneLoggerProvider.instance().one_logger_enabled)\n"
    )
    command = [str(stacks("verified-3").python), "-B", "-c", code]
    job = {**os.environ, "RANK": "0"}
    outputs = [
        subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        for env in (job, ml_environment(job))
    ]
    assert "enabled: False" not in outputs[0].stdout
    assert "enabled: False" in outputs[1].stdout
    assert "gone" not in outputs[1].stderr


def test_an_address_and_a_look_up_would_be_seen(tmp_path: Path) -> None:
    code = (
        "import socket\n"
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(('192.0.2.1', 9))\n"
        "try: socket.getaddrinfo('statistics.invalid', 443)\n"
        "except OSError: pass\n"
    )
    traced = trace(tmp_path / "home", sys.executable, "-c", code)
    assert "192.0.2.1" in traced.addresses
    assert traced.looked_up


def test_a_device_id_would_be_seen(tmp_path: Path) -> None:
    """onnxruntime without the switch; old releases have no telemetry."""
    onnxruntime = pytest.importorskip("onnxruntime")
    if tuple(map(int, onnxruntime.__version__.split(".")[:2])) < (1, 30):
        pytest.skip("this onnxruntime has no telemetry")
    model = str(MODELS / "small-parakeet-ctc-onnx" / "model.onnx")
    code = f"import onnxruntime as rt; rt.InferenceSession({model!r})"
    traced = trace(tmp_path / "home", sys.executable, "-c", code)
    assert any(name.endswith("deviceid") for name in traced.files)
