"""Probes in the ML interpreter: time limits, signals, and the innermost cause."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import pytest

from parakeet_cli.doctor.facts import Facts, Interpreter, ProbeResult, Sample, Unavailable
from parakeet_cli.doctor.probes import runner
from parakeet_cli.doctor.stack.stack import load_stack
from tests.doctor_facts import OnDisk
from tests.integration.doctor.conftest import snapshot

SECONDS = 30.0


@pytest.fixture
def env(tmp_path: Path) -> OnDisk:
    env = OnDisk.new(tmp_path / "env")
    modules = {
        "good": "print('to stdout', flush=True)\n",
        "crash": "import ctypes\nctypes.string_at(0)\n",
        "abort": "import os\nos.abort()\n",
        "leave": "import os\nos._exit(7)\n",
        "quit": "import sys\nsys.exit('no licence')\n",
        "hang": "import time\ntime.sleep(600)\n",
        "inner": "import missing_module_x\n",
        "outer": (
            "try:\n    import inner\n"
            "except ImportError as error:\n    raise RuntimeError('outer failed') from error\n"
        ),
        "wrapped": (
            "try:\n    import inner\nexcept ImportError:\n    raise ImportError('look above')\n"
        ),
        "fallback": "try:\n    import optional_x\nexcept ImportError:\n    import needed_y\n",
        "loud": "import sys\nsys.stderr.write('x' * 300_000)\n",
        "forks": "import subprocess\nsubprocess.run(['echo', '{\"event\": 1}'])\n",
    }
    for name, code in modules.items():
        (env.site / f"{name}.py").write_text(code)
    return env


def try_modules(env: OnDisk, *modules: str, seconds: float = SECONDS) -> list[ProbeResult]:
    return list(runner.import_modules(str(env.python), modules, seconds))


def test_bytecode_goes_to_the_folder_that_is_named_and_nowhere_else(
    env: OnDisk, tmp_path: Path
) -> None:
    before = snapshot(env.prefix)
    folder = tmp_path / "bytecode"
    assert all(
        one.ok
        for one in runner.import_modules(
            str(env.python), ["good", "json"], SECONDS, bytecode=str(folder)
        )
    )
    (written,) = folder.rglob("good.*.pyc")
    assert written.parent == Path(f"{folder}{env.site}") / "__pycache__"
    assert snapshot(env.prefix) == before


def test_working_modules_pass_and_nothing_is_left_behind(env: OnDisk) -> None:
    before = snapshot(env.prefix)
    results = try_modules(env, "good", "loud", "forks", "json")
    assert [(r.name, r.ok) for r in results] == [
        ("good", True),
        ("loud", True),
        ("forks", True),
        ("json", True),
    ]
    assert snapshot(env.prefix) == before


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("crash", "was ended by SIGSEGV (a segmentation fault)"),
        ("abort", "was ended by SIGABRT"),
        ("leave", "ended with exit code 7"),
        ("quit", "SystemExit: no licence"),
        ("inner", "ModuleNotFoundError: No module named 'missing_module_x'"),
        ("outer", "ModuleNotFoundError: No module named 'missing_module_x'"),
        ("wrapped", "ModuleNotFoundError: No module named 'missing_module_x'"),
        ("fallback", "ModuleNotFoundError: No module named 'needed_y'"),
    ],
)
def test_a_failure_has_its_innermost_cause(env: OnDisk, module: str, words: str) -> None:
    (result,) = try_modules(env, module)
    assert not result.ok
    assert words in result.cause


def test_the_line_that_crashed_is_in_the_evidence(env: OnDisk) -> None:
    (result,) = try_modules(env, "crash")
    assert "ctypes" in result.detail
    (result,) = try_modules(env, "outer")
    assert f"at {env.site / 'inner.py'}:1" in result.detail
    assert "RuntimeError: outer failed" in result.detail


def test_after_a_failure_a_new_process_tries_the_rest(env: OnDisk) -> None:
    results = try_modules(env, "good", "crash", "inner", "good", "leave", "good")
    assert [r.ok for r in results] == [True, False, False, True, False, True]
    assert [r.name for r in results] == ["good", "crash", "inner", "good", "leave", "good"]


def test_a_hanging_import_is_ended(env: OnDisk) -> None:
    results = try_modules(env, "hang", "good", seconds=2.0)
    assert [r.ok for r in results] == [False, True]
    assert "did not end within 2 seconds" in results[0].cause


def test_an_interpreter_that_cant_start_is_a_result(tmp_path: Path) -> None:
    results = list(runner.import_modules(str(tmp_path / "none"), ["numpy"], SECONDS))
    assert [r.ok for r in results] == [False]
    assert "can't be started" in results[0].cause


def test_a_program_that_is_not_a_python_is_a_result(tmp_path: Path) -> None:
    fake = tmp_path / "python"
    fake.write_text("#!/bin/sh\necho nonsense\nexit 1\n")
    fake.chmod(0o755)
    (result,) = runner.import_modules(str(fake), ["numpy"], SECONDS)
    assert "exit code 1" in result.cause


TORCH = """
class _Cuda:
    def is_available(self): return AVAILABLE
    def device_count(self): return 1
cuda = _Cuda()
class _Tensor:
    def __init__(self, value): self.value = value
    def to(self, device): return _Tensor(self.value * WRONG)
    def cpu(self): return self
    def cuda(self): raise RuntimeError('no kernel image is available')
    def __matmul__(self, other): return _Tensor(self.value * other.value)
    def __sub__(self, other): return _Tensor(self.value - other.value)
    def abs(self): return _Tensor(abs(self.value))
    def max(self): return self
    def __truediv__(self, by): return _Tensor(self.value / by)
    def item(self): return self.value
def randn(*shape): return _Tensor(3.0)
def zeros(n): return _Tensor(0.0)
def manual_seed(n): pass
def device(kind, index): return kind
"""


@pytest.mark.parametrize(
    ("available", "wrong", "name", "cause"),
    [
        (True, 1.0, "matrix product on cuda:0", ""),
        (True, 2.0, "matrix product on cuda:0", "the product is wrong by"),
        (False, 1.0, "torch.cuda", "no kernel image is available"),
    ],
)
def test_the_gpu_probe_multiplies_and_compares(
    env: OnDisk, available: bool, wrong: float, name: str, cause: str
) -> None:
    """A fake torch replaces the GPU; the same script runs on a real one."""
    code = TORCH.replace("AVAILABLE", str(available)).replace("WRONG", str(wrong))
    (env.site / "torch.py").write_text(code)
    results = list(runner.run_script("multiply_on_gpu", str(env.python), (), SECONDS))
    last = results[-1]
    assert (last.name, last.ok) == (name, not cause)
    assert cause in last.cause


def test_this_interpreter_passes_its_own_probe() -> None:
    (result,) = runner.import_modules(sys.executable, ["json"], SECONDS)
    assert result.ok


WORKER = """
def load_package():
    import contextlib, sys, types
    def part(name, **members):
        module = types.ModuleType("parakeet_nemo_worker." + name)
        vars(module).update(members)
        sys.modules[module.__name__] = module
    def load_model(wanted, note):
        HAPPENS
        cuda = types.SimpleNamespace(inference=contextlib.nullcontext)
        return types.SimpleNamespace(encoder=Encoder(), decoder=Decoder(), cuda=cuda)
    class Encoder:
        def encode(self, sounds): return sounds, [len(sounds[0])], "whole"
    class Decoder:
        def decode(self, encoded, lengths):
            pieces = [f"{lengths[0]} samples, {encoded[0]:.2f}"]
            return types.SimpleNamespace(result=lambda: [types.SimpleNamespace(pieces=pieces)])
    sys.modules["parakeet_nemo_worker"] = types.ModuleType("parakeet_nemo_worker")
    def request(*wanted, **more): return *wanted, *more.values()
    part("loading", load_model=load_model, LoadRequest=request)
    part("decoding", join_pieces=lambda pieces: pieces[0])
"""
ARRAYS = """
class float32: pass
class Array(list):
    def astype(self, kind): return self
    def __truediv__(self, by): return Array(value / by for value in self)
    def __format__(self, form): return format(max(self), form)
def frombuffer(data, kind):
    import array
    return Array(array.array("h", data))
"""


@pytest.fixture
def sample(env: OnDisk, tmp_path: Path) -> Sample:
    """A clip of 100 samples, and a fake worker and packages in the place of the real ones."""
    (env.site / "numpy.py").write_text(ARRAYS)
    with wave.open(str(tmp_path / "clip.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(b"\x00\x40" * 100)
    return Sample("m.nemo", str(tmp_path / "clip.wav"), "text", str(tmp_path / "worker.py"))


def transcribe_with(
    env: OnDisk, sample: Sample, happens: str, seconds: float = SECONDS
) -> ProbeResult:
    Path(sample.worker).write_text(WORKER.replace("HAPPENS", happens))
    found = runner.transcribe_sample(str(env.python), sample, "cpu", seconds)
    assert found.sample is sample
    return found.result


def test_a_sample_is_transcribed_with_the_modules_of_the_worker(
    env: OnDisk, sample: Sample
) -> None:
    before = snapshot(env.prefix)
    result = transcribe_with(env, sample, "assert wanted == ('m.nemo', 'cpu')")
    assert (result.ok, result.text) == (True, "100 samples, 0.50"), result
    assert snapshot(env.prefix) == before


@pytest.mark.parametrize(
    ("happens", "cause"),
    [
        ("import crash", "was ended by SIGSEGV"),
        ("raise ValueError('bad weights')", "ValueError: bad weights"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(5)", "ended with exit code 5"),
    ],
)
def test_a_worker_that_fails_is_a_result(
    env: OnDisk, sample: Sample, happens: str, cause: str
) -> None:
    result = transcribe_with(env, sample, happens)
    assert not result.ok
    assert result.name == "transcribing a sample"
    assert cause in result.cause


LOST = """
        class LostInCaptureError(Exception):
            pass
        graphs = wanted[2] if len(wanted) == 3 else "full_graph"
        if graphs in BROKEN:
            error = LostInCaptureError("CUDA graphs can't be made: an illegal memory access")
            error.less = {"full_graph": "no_while_loops", "no_while_loops": "off"}[graphs]
            raise error
"""


@pytest.mark.parametrize(
    ("broken", "times"), [([], 0), (["full_graph"], 1), (["full_graph", "no_while_loops"], 2)]
)
def test_a_device_that_is_lost_over_cuda_graphs_is_tried_with_fewer(
    env: OnDisk, sample: Sample, broken: list[str], times: int
) -> None:
    happens = LOST.replace("BROKEN", str(broken)).strip()
    Path(sample.worker).write_text(WORKER.replace("HAPPENS", happens))
    found = runner.transcribe_sample(str(env.python), sample, "cuda", SECONDS)
    assert found.result.ok, found.result
    assert len(found.lost) == times
    assert all("an illegal memory access" in cause for cause in found.lost)


def test_a_hanging_worker_is_ended(env: OnDisk, sample: Sample) -> None:
    result = transcribe_with(env, sample, "import hang", seconds=2.0)
    assert not result.ok
    assert "did not end" in result.cause


def test_nothing_is_transcribed_if_an_import_fails(env: OnDisk, sample: Sample) -> None:
    Path(sample.worker).write_text("raise SystemExit('never run')")
    facts = Facts(Interpreter(str(env.python), "3.11", "", "", "venv", (), ""))
    found = runner.run_probes(facts, load_stack("2.4"), ["import-probe"], sample)
    assert not all(result.ok for result in found.imports)
    assert isinstance(found.sample, Unavailable)
