"""The default report runs and changes nothing in the environment, however broken it is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.doctor_facts import OnDisk
from tests.integration.doctor.conftest import snapshot

COMMAND = (sys.executable, "-m", "parakeet_cli", "doctor", "--json")
SEGFAULT = "import ctypes\nctypes.string_at(0)\n"


@pytest.fixture
def trapped(tmp_path: Path) -> OnDisk:
    """An environment where every file that is imported or run writes to `canary`, or crashes."""
    env = OnDisk.new(tmp_path / "env")
    mark = f"open({str(tmp_path / 'canary')!r}, 'a').write(__file__ + chr(10))\n"
    env.install("numpy", "2.4.6", files={"numpy/__init__.py": mark + "raise ImportError('no')\n"})
    env.install(
        "torch",
        "2.13.0",
        files={
            "torch/__init__.py": mark + SEGFAULT,
            "torch/version.py": mark + "__version__ = '2.13.0+cpu'\ncuda = None\n",
            "torch/lib/libtorch_python.so": b"\x7fELF",
        },
    )
    env.install("nemo-toolkit", "2.4.0", files={"nemo/__init__.py": mark})
    for name in ("sitecustomize.py", "usercustomize.py", "pkg_resources/__init__.py"):
        (env.site / name).parent.mkdir(exist_ok=True)
        (env.site / name).write_text(mark)
    (env.site / "trap.pth").write_text(
        f"import os; open({str(tmp_path / 'canary')!r}, 'a').write('pth')\n/gone/folder\n"
    )
    cut = env.install("scipy", "1.17.1", "numpy")
    (cut / "METADATA").write_text("Metadata-Version: 2.1\nName: sci")
    unreadable = env.install("librosa", "0.11.0")
    (unreadable / "METADATA").write_bytes(bytes(range(256)) * 20)
    return env


def doctor(env: OnDisk, tmp_path: Path, *before: str) -> subprocess.CompletedProcess[str]:
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    return subprocess.run(
        [*before, *COMMAND, "--python", str(env.python)],
        capture_output=True,
        text=True,
        env={"PATH": str(tmp_path / "bin"), "HOME": str(home), "LANG": "C.UTF-8"},
        check=False,
    )


def test_a_broken_environment_is_diagnosed_without_an_import(
    trapped: OnDisk, tmp_path: Path
) -> None:
    before = snapshot(trapped.prefix)
    done = doctor(trapped, tmp_path)
    found = {f["id"]: f for f in json.loads(done.stdout)["findings"]}
    assert done.returncode == 1
    assert not (tmp_path / "canary").exists()
    assert snapshot(trapped.prefix) == before
    assert found["numpy-pin"]["status"] == "fail"
    assert found["torch-installed"]["status"] == "ok"
    assert "scipy: its METADATA has no version" in found["broken-dists"]["detail"]
    assert "/gone/folder" in found["broken-dists"]["detail"]
    assert "librosa" in found["broken-dists"]["detail"]
    crashed = [f for f in found.values() if "crashed" in f["summary"]]
    assert crashed == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_strace_shows_no_process_of_the_target_and_no_write_to_it(
    trapped: OnDisk, tmp_path: Path
) -> None:
    trace = tmp_path / "trace"
    strace = shutil.which("strace") or ""
    done = doctor(trapped, tmp_path, strace, "-f", "-o", str(trace), "-e", "trace=execve,openat")
    if not trace.exists() or "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    calls = trace.read_text(errors="replace").splitlines()
    inside = [call for call in calls if f'"{trapped.prefix}' in call]
    assert [call for call in inside if "METADATA" in call]  # it was read
    assert [call for call in inside if "execve" in call] == []
    writes = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")
    assert [call for call in inside if any(flag in call for flag in writes)] == []
    assert [call for call in inside if "__init__.py" in call] == []


def test_no_module_of_the_target_is_executed_in_our_own_process(
    trapped: OnDisk, tmp_path: Path
) -> None:
    script = (
        "import sys\n"
        "seen = []\n"
        "hook = lambda event, args: seen.append(str(args)) if event in ('exec', 'import') else 0\n"
        "sys.addaudithook(hook)\n"
        "from parakeet_cli.doctor.diagnose import DiagnosisRequest, diagnose\n"
        f"diagnose(DiagnosisRequest(python={str(trapped.python)!r}))\n"
        f"print([s for s in seen if {str(trapped.prefix)!r} in s])\n"
        f"print(len(seen) > 10, {str(trapped.prefix)!r} in ' '.join(sys.path))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
        check=True,
    )
    assert done.stdout.splitlines() == ["[]", "True False"]


def test_2000_distributions_are_diagnosed(tmp_path: Path) -> None:
    env = OnDisk.new(tmp_path / "env")
    env.install("torchmetrics", "1.4.3")
    for number in range(1999):
        env.install(
            f"d{number}", "1.0", f"d{(number + 1) % 2000}>=1", f'd{number // 2}; extra == "x"'
        )
    done = doctor(env, tmp_path)
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert not any(f["status"] == "unknown" for f in report["findings"])
    found = next(f for f in report["findings"] if f["id"] == "duplicate-dists")
    assert found["summary"].startswith("2000 distributions")
