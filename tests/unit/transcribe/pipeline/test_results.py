from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from parakeet_cli.cli.transcribe.progress_lines import file_event
from parakeet_cli.errors import InputError, OutputError
from parakeet_cli.formats import expand_formats
from parakeet_cli.formats.manifest import manifest_line
from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcribe.outputs.plan import PlannedFile, plan_outputs
from parakeet_cli.transcribe.outputs.write import PreparedOutput
from parakeet_cli.transcribe.pipeline.options import PipelineOptions
from parakeet_cli.transcribe.pipeline.results import (
    PreparedResult,
    failed,
    failed_unexpectedly,
    refusal,
)
from parakeet_cli.transcript import FileResult, Status


@pytest.fixture(autouse=True)
def in_its_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)


def planned(*existing: str, error: InputError | None = None) -> PlannedFile:
    """An input with a .txt and a .srt to write, of which some exist."""
    for name in existing:
        Path(name).touch()
    job = Job("a.wav", "a.wav", error=error)
    (item,) = plan_outputs([job], expand_formats(["txt,srt"]), ".", "{filename}")
    return item


def test_a_job_without_outputs_is_started() -> None:
    for options in (PipelineOptions(), PipelineOptions(skip_existing=True)):
        assert refusal(planned(), options) is None


def test_an_existing_output_is_a_failure_that_names_it_and_the_two_options() -> None:
    result = refusal(planned("a.srt"), PipelineOptions())
    assert result is not None
    assert (result.status, result.reason) == (Status.FAILED, "a.srt already exists.")
    assert "--skip-existing" in (result.hint or "")
    assert "--overwrite" in (result.hint or "")


def test_existing_outputs_are_skipped_only_if_all_are_there() -> None:
    options = PipelineOptions(skip_existing=True)
    assert refusal(planned("a.txt"), options) is None
    result = refusal(planned("a.txt", "a.srt"), options)
    assert result is not None
    assert result.status is Status.SKIPPED


def test_outputs_of_the_run_itself_and_with_overwrite_are_replaced() -> None:
    item = planned("a.txt", "a.srt")
    assert refusal(item, PipelineOptions(overwrite=True)) is None
    assert refusal(item._replace(replaces=True), PipelineOptions()) is None


def test_an_input_that_can_t_be_read_is_a_failure_whatever_the_options() -> None:
    item = planned(error=InputError("a.wav is empty.", hint="Record it again."))
    for options in (PipelineOptions(overwrite=True), PipelineOptions(skip_existing=True)):
        result = refusal(item._replace(replaces=True), options)
        assert result is not None
        assert (result.source, result.status) == ("a.wav", Status.FAILED)
        assert (result.reason, result.hint) == ("a.wav is empty.", "Record it again.")


def test_a_bug_of_ours_is_a_failure_that_names_it() -> None:
    result = failed_unexpectedly(Job("a.wav", "a.wav"), KeyError("x"))
    assert result.status is Status.FAILED
    assert "unexpected KeyError: 'x'" in (result.reason or "")
    assert "--debug" in (result.hint or "")


def prepared(*outputs: Path) -> PreparedResult:
    """A result with outputs that are made, and not yet in their places."""
    texts = tuple(PreparedOutput(str(path), ["words\n"]) for path in outputs)
    return PreparedResult(Job("a.wav", "a.wav"), FileResult("a.wav", Status.OK), texts)


def test_an_output_in_place_is_named_where_the_next_one_cannot_be_put_into_its_own(
    tmp_path: Path,
) -> None:
    text, subtitles = tmp_path / "a.txt", tmp_path / "a.srt"
    made = prepared(text, subtitles)
    subtitles.mkdir()
    result = made.commit()
    assert result.status is Status.FAILED
    assert (result.outputs, len(result.sums)) == ((str(text),), 1)
    assert result.reason == (
        f"{subtitles} can't be written: Is a directory. Written before that, and left: {text}."
    )
    assert {one.name for one in tmp_path.iterdir()} == {"a.txt", "a.srt"}
    assert json.loads(manifest_line(result))["outputs"] == [str(text)]
    assert file_event(made.job, result)["outputs"] == [str(text)]


def test_an_output_that_could_be_made_is_named_where_another_one_could_not(tmp_path: Path) -> None:
    text = tmp_path / "a.txt"
    made = replace(prepared(text), result=failed(Job("a.wav", "a.wav"), OutputError("It is full.")))
    result = made.commit()
    assert (result.status, result.outputs, len(result.sums)) == (Status.FAILED, (str(text),), 1)
    assert result.reason == f"It is full. Written before that, and left: {text}."
    assert text.read_text(encoding="utf-8") == "words\n"


def test_a_failure_that_leaves_nothing_in_place_names_nothing(tmp_path: Path) -> None:
    made = prepared(tmp_path / "a.txt", tmp_path / "a.srt")
    (tmp_path / "a.txt").mkdir()
    result = made.commit()
    assert (result.status, result.outputs) == (Status.FAILED, ())
    assert "Written" not in (result.reason or "")
    assert "outputs" not in json.loads(manifest_line(result)) | file_event(made.job, result)
