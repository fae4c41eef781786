from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from parakeet_cli.errors import OutputError, UsageError
from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.outputs import (
    atomic_writer,
    check_apart,
    check_template,
    plan_outputs,
    write_atomically,
)

FORMATS = expand_formats(["txt,srt"])


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def planned(*jobs: Job, folder: str = "out", template: str = "{filename}") -> list[list[str]]:
    plan = plan_outputs(jobs, FORMATS, folder, template)
    return [[str(path) for _, path in item.paths] for item in plan]


def job(path: str, folder: str = "") -> Job:
    return Job(path, path, folder=folder)


def test_each_job_and_format_has_its_path_below_the_folder() -> None:
    assert planned(job("in/a.wav"), job("in/deep/a.b.wav", "deep")) == [
        ["out/a.txt", "out/a.srt"],
        ["out/deep/a.b.txt", "out/deep/a.b.srt"],
    ]


@pytest.mark.parametrize(
    ("path", "template", "made"),
    [
        ("in/a.wav", "{parent}-{filename}", "in-a"),
        ("in/{0}{x}.wav", "{filename}", "{0}{x}"),
        ("/a.wav", "{parent}", "root"),
        ("in/../a.wav", "x{index:03}/{filename}", "x001/a"),
    ],
)
def test_a_template_s_fields(path: str, template: str, made: str) -> None:
    assert planned(job(path), template=template) == [[f"out/{made}.txt", f"out/{made}.srt"]]


def test_a_parent_written_as_dots_is_the_folder_s_own_name(tmp_path: Path) -> None:
    (made,) = planned(job("x/../../a.wav"), template="{parent}/{filename}")
    assert made[0] == f"out/{tmp_path.parent.name}/a.txt"


@pytest.mark.parametrize(
    "template",
    ["", "plain", "{name}", "{}", "{0}", "{filename", "{filename.x}", "{filename!z}", "{index:q}",
     "/tmp/{filename}", "../{filename}", "a/../../{filename}"],
)  # fmt: skip
def test_a_template_that_means_nothing_or_leaves_the_folder_is_refused(template: str) -> None:
    with pytest.raises(UsageError):
        check_template(template)


@pytest.mark.parametrize(
    "jobs",
    [
        (job("x/a.wav"), job("y/a.wav")),
        (job("a.wav"), job("a.mp3")),
        (Job("stdin", "-"), job("stdin.wav")),
    ],
)
def test_two_jobs_for_one_path_are_refused(jobs: tuple[Job, ...]) -> None:
    with pytest.raises(UsageError, match="would both be written") as refused:
        planned(*jobs)
    assert "--output-template" in (refused.value.hint or "")


def test_an_output_that_is_an_input_is_refused() -> None:
    with pytest.raises(UsageError, match="is an input"):
        planned(job("a.wav"), job("b/a.txt"), folder=".", template="b/{filename}")


def test_a_file_beside_the_outputs_must_be_no_other_file_of_the_run() -> None:
    plan = plan_outputs([job("in/a.wav")], FORMATS, "out", "{filename}")
    check_apart(Path("out/m.jsonl"), ["in/a.wav"], plan)
    Path("folder").mkdir()
    for path in ("in/a.wav", "list.jsonl", "out/../out/a.txt", "folder"):
        with pytest.raises(UsageError):
            check_apart(Path(path), ["list.jsonl"], plan)


def test_a_file_appears_whole_with_the_rights_of_the_umask() -> None:
    before = os.umask(0o026)
    try:
        write_atomically(Path("deep/er/a.txt"), ["one\n", "zwei \udcff\n"])
    finally:
        os.umask(before)
    assert Path("deep/er/a.txt").read_bytes() == b"one\nzwei \\udcff\n"
    assert stat.S_IMODE(Path("deep/er/a.txt").stat().st_mode) == 0o640
    assert list(Path("deep/er").iterdir()) == [Path("deep/er/a.txt")]


@pytest.mark.parametrize("fault", [KeyError("x"), KeyboardInterrupt(), OSError(28, "No space")])
def test_a_fault_on_the_way_leaves_the_old_file_and_nothing_else(fault: BaseException) -> None:
    Path("a.txt").write_text("old", encoding="utf-8")
    expected = OutputError if isinstance(fault, OSError) else type(fault)
    with pytest.raises(expected), atomic_writer(Path("a.txt")) as stream:
        stream.write("new" * 10_000)
        raise fault
    assert Path("a.txt").read_text(encoding="utf-8") == "old"
    assert list(Path.cwd().iterdir()) == [Path.cwd() / "a.txt"]


def test_a_pipe_that_broke_elsewhere_is_not_the_file_s_fault() -> None:
    with pytest.raises(BrokenPipeError), atomic_writer(Path("a.txt")):
        raise BrokenPipeError


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("file/a.txt", "Not a directory|File exists"),
        ("folder", "Is a directory"),
        ("a" * 300, "File name too long"),
        ("/proc/a.txt", "No such file|Permission"),
    ],
)
def test_what_can_t_be_written_says_why(path: str, reason: str) -> None:
    Path("file").touch()
    Path("folder").mkdir()
    with pytest.raises(OutputError, match=reason):
        write_atomically(Path(path), ["text"])
