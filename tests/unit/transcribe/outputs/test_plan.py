from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.errors import UsageError
from parakeet_cli.formats import expand_formats
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.inputs.storage import Url
from parakeet_cli.transcribe.outputs.plan import check_apart, check_template, plan_outputs

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
    ("job", "template"),
    [
        (Job("x", Url("s3://b/in/../../a.wav", "s3://b/in"), folder="../.."), "{filename}"),
        (Job("x", Url("s3://b/in/x/../../a.wav", "s3://b/in"), folder="x/../.."), "{filename}"),
        (Job("x", Url("s3://b/in/../a.wav", "s3://b")), "{parent}/{filename}"),
    ],
)
def test_an_object_whose_key_leads_out_of_the_folder_is_refused_and_the_others_are_not(
    job: Job, template: str
) -> None:
    """Whoever may write to a bucket chooses the keys."""
    other = Job("b.wav", "in/b.wav", folder="x/..")
    refused, planned = plan_outputs([job, other], FORMATS, "out", template)
    assert refused.paths == ()
    assert "out of the output folder" in str(refused.job.error)
    assert planned.job.error is None
    assert planned.paths


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
