"""Runs `parakeet doctor` as people and programs do: options, exit codes, JSON."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import venv
import wave
from pathlib import Path
from typing import Any

import pytest

from parakeet_cli.cli.doctor.sample import CLIP, TEXT
from parakeet_cli.doctor.checks import CHECKS
from parakeet_cli.system.environments import KeptEnvironment, keep
from tests.cli.running import parakeet
from tests.doctor_facts import OnDisk

ROOT = Path(__file__).parents[2]
FIELDS = {"id", "status", "summary", "why", "detail", "remedy", "source"}


@pytest.fixture
def env(tmp_path: Path) -> OnDisk:
    """A stack in which nearly everything is missing."""
    env = OnDisk.new(tmp_path / "env")
    env.install("numpy", "2.4.6", files={"numpy/__init__.py": "raise SystemExit('imported')\n"})
    env.install("nemo-toolkit", "2.4.0", 'numpy<2.0.0; extra == "asr"')
    return env


MODULE = f"{shlex.quote(sys.executable)} -m parakeet_cli"  # PATH has no parakeet here


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs `parakeet doctor` in a process of its own, on a machine without anything."""

    def run(*arguments: str, stdin: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-m", "parakeet_cli", "doctor", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env={"PATH": str(tmp_path / "bin"), "HOME": str(home), "LANG": "C.UTF-8", **variables},
            cwd=tmp_path,
            check=False,
        )

    return run


def test_the_report_follows_its_schema(env: OnDisk, run: Any) -> None:
    done = run("--python", str(env.python), "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert done.stderr == ""
    assert report["schema"] == "parakeet.doctor/1"
    assert report["python"] == str(env.python)
    assert report["stack"] == "2.4"
    assert report["healthy"] is False
    assert report["plan"] is None
    assert [finding["id"] for finding in report["findings"]] == list(CHECKS)
    for finding in report["findings"]:
        assert set(finding) == FIELDS
        assert finding["status"] in ("ok", "warn", "fail", "unknown", "skip")
        assert all(isinstance(value, str) for value in finding.values())
        if finding["status"] == "fail":
            assert finding["why"]
            assert finding["remedy"]


def test_options_are_taken_on_either_side_of_a_verb(env: OnDisk, run: Any) -> None:
    python = str(env.python)
    before = run("--python", python, "--json", "--yes", "why", "numpy")
    after = run("why", "numpy", "--python", python, "--json", "--yes")
    mixed = run("--json", "why", "--python", python, "numpy")
    assert before.stdout == after.stdout == mixed.stdout
    why = json.loads(before.stdout)
    assert (why["installed"], why["pin"]["requirement"]) == ("2.4.6", "numpy>=1.26,<2.0")
    assert why["required_by"][0]["name"] == "nemo-toolkit"
    assert before.returncode == 1


def test_the_interpreter_comes_from_option_variable_or_configuration(
    env: OnDisk, run: Any, tmp_path: Path
) -> None:
    python = str(env.python)
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"version": 1, "ml_python": python}))
    by_variable = run("--json", PARAKEET_ML_PYTHON=python)
    by_file = run("--json", PARAKEET_CONFIG=str(config))
    by_option = run("--json", "--python", python, PARAKEET_ML_PYTHON="/nowhere")
    for done in (by_variable, by_file, by_option):
        assert json.loads(done.stdout)["python"] == python
    assert json.loads(run("--json").stdout)["python"] == sys.executable


def test_only_and_skip_choose_the_checks(env: OnDisk, run: Any) -> None:
    def ids(*options: str) -> list[str]:
        report = json.loads(run("--python", str(env.python), "--json", *options).stdout)
        return [finding["id"] for finding in report["findings"]]

    assert ids("--only", "numpy-pin", "--only", "disk-space") == ["numpy-pin", "disk-space"]
    assert ids("--only", "disk-space,numpy-pin") == ["numpy-pin", "disk-space"]
    assert ids("--skip", "numpy-pin") == [id_ for id_ in CHECKS if id_ != "numpy-pin"]
    assert ids("--only", "numpy-pin", "--only", "scipy-pin", "--skip", "scipy-pin") == ["numpy-pin"]


def test_a_check_that_passes_alone_is_exit_0(env: OnDisk, run: Any) -> None:
    assert run("--python", str(env.python), "--only", "nemo-version").returncode == 0
    assert run("--python", str(env.python), "--only", "numpy-pin").returncode == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("--only", "no-such-check"),
        ("--skip", "no-such-check"),
        ("--only", "numpy-pin", "--skip", "numpy-pin"),
        ("--stack", "9.9"),
        ("--python", "/no/such/python"),
        ("--no-such-option",),
        ("no-such-verb",),
        ("why",),
    ],
)
def test_invalid_options_are_exit_2_with_what_to_do(arguments: tuple[str, ...], run: Any) -> None:
    done = run(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stderr
    assert "Traceback" not in done.stderr


def test_every_check_is_listed(run: Any) -> None:
    done = run("--list")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == list(CHECKS)
    assert [row["id"] for row in json.loads(run("--list", "--json").stdout)] == list(CHECKS)


def test_mock_speech_recognition_is_healthy_without_any_ml_package(
    run: Any, tmp_path: Path
) -> None:
    empty = OnDisk.new(tmp_path / "empty")
    done = run("--python", str(empty.python), "--json", PERSONALPARAKEET_USE_MOCK_STT="true")
    report = json.loads(done.stdout)
    assert done.returncode == 0
    assert report["healthy"] is True
    statuses = {f["id"]: f["status"] for f in report["findings"]}
    assert statuses["numpy-pin"] == statuses["nemo-version"] == statuses["torch-arch"] == "skip"
    config = tmp_path / "config.json"
    config.write_text('{"use_mock_stt": true}')
    assert run("--python", str(empty.python), "--config", str(config)).returncode == 0
    assert run("--python", str(empty.python)).returncode == 1


@pytest.mark.parametrize("engine", ["mock", "onnx", "whisper"])
def test_where_an_engine_without_a_stack_was_chosen_every_check_is_skipped(
    run: Any, env: OnDisk, tmp_path: Path, engine: str
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"engine": engine}))
    for done in (
        run("--python", str(env.python), "--json", PARAKEET_ENGINE=engine),
        run("--python", str(env.python), "--json", PARAKEET_CONFIG=str(config)),
    ):
        report = json.loads(done.stdout)
        assert done.returncode == 0
        assert {f["status"] for f in report["findings"]} == {"skip"}
        assert all(engine in f["summary"] for f in report["findings"])


def test_where_nothing_is_installed_one_finding_says_so_and_what_to_type(
    run: Any, tmp_path: Path
) -> None:
    empty = OnDisk.new(tmp_path / "empty")
    empty.install("numpy", "2.4.6")
    for options in ((), ("--deep",)):
        done = run("--python", str(empty.python), *options, COLUMNS="80")
        assert done.returncode == 1
        assert len(done.stdout.splitlines()) <= 24
        assert max(map(len, done.stdout.splitlines())) <= 80 or str(tmp_path) in done.stdout
        assert done.stdout.count("\N{BALLOT X}") == 1
        for word in ("transcribe", "dictate", f"{MODULE} setup"):
            assert word in done.stdout
        assert done.stdout.splitlines()[-1] == f"Next: {MODULE} setup"
    report = json.loads(run("--python", str(empty.python), "--json").stdout)
    assert report["healthy"] is False
    statuses = {f["id"]: f["status"] for f in report["findings"]}
    assert list(statuses) == list(CHECKS)
    assert statuses.pop("stack-installed") == "fail"
    assert set(statuses.values()) == {"skip"}


def test_a_check_that_is_asked_for_by_name_is_run_where_nothing_is_installed(
    run: Any, tmp_path: Path
) -> None:
    empty = OnDisk.new(tmp_path / "empty")
    done = run("--python", str(empty.python), "--json", "--only", "nemo-version")
    assert [f["status"] for f in json.loads(done.stdout)["findings"]] == ["fail"]


def test_every_environment_that_setup_keeps_is_judged(
    env: OnDisk, run: Any, tmp_path: Path
) -> None:
    data = tmp_path / "home" / ".local" / "share" / "parakeet"
    nothing = run("--all")
    assert (nothing.returncode, "parakeet setup" in nothing.stdout) == (0, True)
    keep(data, KeptEnvironment("a", str(env.prefix), "2.4"))
    keep(data, KeptEnvironment("b", str(tmp_path / "gone"), "3.0"))
    done = run("--all", "--json", PARAKEET_ENGINE="onnx")
    report = json.loads(done.stdout)
    assert (done.returncode, report["healthy"]) == (1, False)
    first, second = report["environments"]
    assert (first["name"], first["report"]["python"]) == ("a", str(env.python))
    assert "numpy-pin" in [f["id"] for f in first["report"]["findings"] if f["status"] == "fail"]
    assert (second["name"], second["report"]) == ("b", None)
    assert "gone" in second["error"]
    text = run("--all").stdout
    assert "# a" in text
    assert "parakeet setup --remove b" in text
    for options in (("--fix",), ("--python", str(env.python)), ("--ray",)):
        assert run("--all", *options).returncode == 2


def test_an_environment_without_nemo_is_judged_by_the_stack_asked_for(
    run: Any, tmp_path: Path
) -> None:
    empty = OnDisk.new(tmp_path / "empty")
    for name in ("2.4", "3.0"):
        report = json.loads(run("--python", str(empty.python), "--json", "--stack", name).stdout)
        assert report["stack"] == name


TRACEBACK = """Traceback (most recent call last):
  File "<string>", line 1, in <module>
ModuleNotFoundError: No module named 'lightning'
"""


def test_a_traceback_is_matched_from_stdin_a_file_or_the_argument(run: Any, tmp_path: Path) -> None:
    (tmp_path / "log.txt").write_text(TRACEBACK)
    for done in (
        run("match", stdin=TRACEBACK),
        run("match", "-", stdin=TRACEBACK),
        run("match", "log.txt"),
        run("match", TRACEBACK),
    ):
        assert done.returncode == 0
        assert "lightning" in done.stdout
    found = json.loads(run("match", "--json", stdin=TRACEBACK).stdout)
    assert found["matches"][0]["row"] == 19
    assert found["matches"][0]["check"] in CHECKS


def test_a_text_without_a_known_failure_is_exit_1(run: Any) -> None:
    assert run("match", stdin="all is well").returncode == 1
    assert run("match", stdin="").returncode == 1
    assert json.loads(run("--json", "match", stdin="all is well").stdout)["matches"] == []


def test_without_a_known_failure_the_next_step_is_named(run: Any) -> None:
    frames = (
        'Traceback (most recent call last):\n  File "/x/site-packages/gradio/a.py", line 1, in f\n'
    )
    done = run("match", stdin=frames + "ValueError: odd\n")
    assert "Next: " in done.stdout
    assert "--upgrade gradio" in done.stdout
    found = json.loads(run("match", "--json", stdin="odd").stdout)
    assert "parakeet doctor" in found["next"]


def test_a_guess_is_compared_with_the_environment_that_is_named(env: OnDisk, run: Any) -> None:
    done = run("match", "--python", str(env.python), stdin=TRACEBACK)
    assert "Here " in done.stdout
    found = json.loads(run("--json", "match", "--python", str(env.python), stdin=TRACEBACK).stdout)
    assert "nemo-requirements" in found["matches"][0]["here"]
    assert json.loads(run("match", "--json", stdin=TRACEBACK).stdout)["matches"][0]["here"] is None


def test_a_missing_file_is_a_usage_error(run: Any) -> None:
    done = run("match", "no-such-file.log")
    assert done.returncode == 2
    assert "There is no file" in done.stderr


def test_the_report_for_a_bug_names_neither_home_nor_user(
    env: OnDisk, run: Any, tmp_path: Path
) -> None:
    home = tmp_path / "alice"
    home.mkdir()
    inside = OnDisk.new(home / "env")
    inside.install("numpy", "2.4.6")
    done = run("report", "--python", str(inside.python), HOME=str(home), USER="alice")
    assert done.returncode == 0
    assert "`~/env/bin/python`" in done.stdout
    assert "alice" not in done.stdout
    assert "| numpy-pin | fail |" in done.stdout


def test_in_a_pipe_there_is_no_colour_and_the_last_line_is_the_command(
    env: OnDisk, run: Any
) -> None:
    done = run("--python", str(env.python), FORCE_COLOR="1")
    assert "\x1b" not in done.stdout
    assert done.stdout.splitlines()[-1] == f"Next: {MODULE} doctor --fix --python {env.python}"


def test_the_command_to_type_is_parakeets_own_where_it_is_on_path(
    env: OnDisk, run: Any, tmp_path: Path
) -> None:
    other = tmp_path / "bin" / "parakeet"
    other.parent.mkdir(exist_ok=True)
    other.write_text("#!/bin/sh\n")  # another environment's: typing it would repair that one
    other.chmod(0o755)
    typed = f"doctor --fix --python {env.python}"
    assert f"Type  {MODULE} {typed}\n" in run("--python", str(env.python)).stdout
    beside = f"{Path(sys.executable).parent}"
    if Path(beside, "parakeet").exists():
        done = run("--python", str(env.python), PATH=beside)
        assert f"Type  parakeet {typed}\n" in done.stdout


@pytest.mark.parametrize("columns", ["40", "80"])
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_reports_and_matches_fit_the_screen_but_for_commands_and_paths(
    columns: str, encoding: str, env: OnDisk, run: Any
) -> None:
    screen = {"COLUMNS": columns, "PYTHONIOENCODING": encoding, "LANG": "C", "NO_COLOR": "1"}
    report = run("--python", str(env.python), **screen).stdout
    match = run("match", "--python", str(env.python), stdin=TRACEBACK, **screen).stdout
    assert "Type  " in report
    assert "Type  " in match
    for line in (report + match).splitlines():
        assert "\x1b" not in line
        assert line.isascii() or encoding == "utf-8"
        assert len(line) <= int(columns) or "/" in line, line


def test_a_match_types_a_command_and_says_the_rest_in_prose(env: OnDisk, run: Any) -> None:
    done = run("match", "--python", str(env.python), stdin="ImportError: numpy.core.multiarray failed to import")  # fmt: skip  # noqa: E501
    typed = [line for line in done.stdout.splitlines() if line.startswith("  Type ")]
    assert typed[:1] == [f"  Type      {MODULE} doctor --python {env.python} --fix"]
    assert all(line.split()[1].startswith(("/", "unset", "export")) for line in typed)


def test_a_terminal_without_unicode_gets_ascii(env: OnDisk, run: Any) -> None:
    done = run("--python", str(env.python), PYTHONIOENCODING="ascii", LANG="C")
    assert done.stdout.isascii()
    assert "FAIL numpy" in done.stdout


def test_help_loads_nothing_of_the_doctor_but_its_options() -> None:
    script = (
        "import sys\n"
        "from parakeet_cli.cli.app import app\n"
        "app(['doctor', '--help'], standalone_mode=False)\n"
        "heavy = ('numpy', 'packaging', 'platformdirs', 'torch', 'parakeet_cli.doctor')\n"
        "print([m for m in sys.modules if m.split('.')[0] in heavy or m in heavy])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "80", "_TYPER_FORCE_DISABLE_TERMINAL": "1"},
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    for option in (
        "--python",
        "--deep",
        "--stack",
        "--only",
        "--skip",
        "--list",
        "--json",
        "--yes",
    ):
        assert option in done.stdout
    for verb in ("why", "match", "report"):
        assert f" {verb} " in done.stdout


def test_a_report_loads_no_rich_and_no_numpy(env: OnDisk) -> None:
    script = (
        "import sys\n"
        "from parakeet_cli.cli.app import app\n"
        f"app(['doctor', '--python', {str(env.python)!r}], standalone_mode=False)\n"
        "print([m for m in sys.modules if m in ('numpy', 'rich', 'email', 'importlib.metadata')])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (("--model", "v3"), 2, "Add --deep"),
        (("--deep", "--model", "none.nemo"), 3, "none.nemo isn't a .nemo file"),
        (("--deep", "--model", "v3"), 3, "parakeet models pull v3"),
        (("--deep", "--model", "tiny.en"), 3, "no model called 'tiny.en' for the engine nemo"),
        (("--deep", "--sample", "none.wav"), 2, "--sample none.wav can't be used"),
    ],
)
def test_a_sample_with_impossible_properties_is_refused(
    run: Any, env: OnDisk, asked: tuple[str, ...], code: int, said: str
) -> None:
    done = run("--python", str(env.python), "--only", "import-probe", *asked)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert said in done.stderr


def test_a_sample_of_another_rate_is_refused_with_how_to_make_one(
    run: Any, env: OnDisk, tmp_path: Path
) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, 2, 44_100, 0, "NONE", ""))
        file.writeframes(bytes(400))
    (tmp_path / "a.txt").write_text("said")
    done = run("--python", str(env.python), "--deep", "--sample", str(tmp_path / "a.wav"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "-ar 16000 -ac 1" in done.stderr


def test_the_built_in_sample_and_its_text_match_the_samples_folder() -> None:
    rows = (ROOT / "samples" / "transcripts.tsv").read_text().splitlines()
    assert f"{CLIP}\t{TEXT}" in rows


def test_an_index_that_is_unknown_is_refused_before_anything_is_examined(tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=False)
    python = str(tmp_path / "env" / "bin" / "python")
    done = parakeet("doctor", "--python", python, "--dry-run", "--torch-index", "nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "Error: There is no index nonsense for torch."
