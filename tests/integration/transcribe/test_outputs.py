"""Where outputs go, what is refused before anything starts, and what is in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.formats import FORMATS
from tests.integration.transcribe.command import CLIP_SECONDS, SAID, clip, files, transcribe

ALL = {form.suffix for form in FORMATS.values()}


@pytest.mark.parametrize(
    ("options", "made"),
    [
        (("-o", "out"), {"out/a.txt"}),
        (("-f", "srt"), {"a.srt"}),
        (("-f", "srt,vtt", "-f", "TXT", "-f", ".json", "-o", "out"), {
            "out/a.srt", "out/a.vtt", "out/a.txt", "out/a.json",
        }),
        (("-f", "all", "-o", "new/deep"), {f"new/deep/a{suffix}" for suffix in ALL}),
        (("--output_format", "srt", "--output_dir=o_u_t", "--max_line_width", "20"), {
            "o_u_t/a.srt",
        }),
        (("-f", "txt", "--output-template", "{parent}-{filename}-{index}/x"), {"in-a-1/x.txt"}),
    ],
    ids=["-o alone", "-f alone", "several", "all", "underscores", "template"],
)  # fmt: skip
def test_files_go_where_they_were_asked_for(
    tmp_path: Path, options: tuple[str, ...], made: set[str]
) -> None:
    clip(tmp_path / "in/a.wav")
    done = transcribe(tmp_path, "in/a.wav", *options)
    assert (done.code, done.out) == (0, b""), done.err
    assert files(tmp_path) == made | {"in/a.wav"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x/a.wav", "y/a.wav", "-f", "txt"), "would both be written to"),
        (("x/a.wav", "x/a.flac", "-o", "out"), "would both be written to"),
        (("x/a.wav", "-f", "docx"), "no format 'docx'"),
        (("x/a.wav", "-o", "-", "-f", "txt,srt"), "several were asked for"),
        (("x/a.wav", "--skip-existing", "--overwrite"), "contradict"),
        (("x/a.wav", "-f", "txt", "--output-template", "{name}"), "is not a field"),
        (("x/a.wav", "--manifest-out", "x/a.wav"), "is an input"),
        (("list.jsonl", "--manifest-out", "list.jsonl"), "is an input"),
        (("x/a.wav", "--manifest-out", "x"), "is a folder"),
        (("x/a.wav", "-o", "y/a.wav"), "y/a.wav is a file"),
        (("x/a.wav", "-f", "srt", "-o", "y/a.wav/deeper/still"), "y/a.wav is a file"),
        (("tree", "-o", "y"), "y/a.wav is a file"),
        (("x/a.wav", "--audio-stream", "first"), "a number from 0, or all"),
        (("-", "--audio-stream", "all"), "streams of stdin"),
        (("x/a.wav", "--nonsense"), "--nonsense"),
        (("x/a.wav", "--beam-size", "0"), "--beam-size"),
        (("x/a.wav", "--threads", "many"), "--threads"),
        (("x/a.wav", "--device", "gpu"), "--device"),
        (("x/a.wav", "--max-line-width", "0"), "--max-line-width"),
        ((), "Name what to transcribe"),
    ],
)
def test_usage_is_refused_before_anything_starts(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    for name in ("x/a.wav", "x/a.flac", "y/a.wav", "tree/a.wav/b.wav"):
        clip(tmp_path / name)
    (tmp_path / "list.jsonl").write_text('{"audio_filepath": "x/a.wav"}\n', encoding="utf-8")
    before = files(tmp_path)
    done = transcribe(tmp_path, *arguments)
    assert (done.code, done.out) == (2, b"")
    assert message in " ".join(done.err.split())
    assert files(tmp_path) == before
    assert "Engine:" not in done.err


def test_a_template_s_parent_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    (tmp_path / "sub").mkdir()
    done = transcribe(
        tmp_path / "sub", "../a.wav", "-o", "out", "--output-template", "{parent}/{filename}"
    )
    assert done.code == 0, done.err
    assert files(tmp_path / "sub") == {f"out/{tmp_path.name}/a.txt"}


def test_existing_outputs_are_refused_skipped_or_replaced_as_asked(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    clip(tmp_path / "b.wav")
    (tmp_path / "a.srt").write_text("by hand\n", encoding="utf-8")
    asked = ("a.wav", "b.wav", "-f", "txt", "-f", "srt")

    neither = transcribe(tmp_path, *asked)
    assert neither.code == 1
    assert "a.srt already exists" in neither.err
    assert "--skip-existing" in neither.err
    assert files(tmp_path) == {"a.wav", "a.srt", "b.wav", "b.txt", "b.srt"}

    (tmp_path / "b.srt").unlink()
    kept = {name: (tmp_path / name).stat().st_mtime_ns for name in ("a.srt", "b.txt")}
    skip = transcribe(tmp_path, *asked, "--skip-existing")
    assert skip.code == 0, skip.err
    assert files(tmp_path) == {"a.wav", "a.txt", "a.srt", "b.wav", "b.txt", "b.srt"}
    assert {name: (tmp_path / name).stat().st_mtime_ns for name in kept} == kept

    again = transcribe(tmp_path, *asked, "--skip-existing")
    assert again.code == 0
    assert "2 skipped" in again.err

    replaced = transcribe(tmp_path, *asked, "--overwrite")
    assert replaced.code == 0, replaced.err
    assert b"mock transcript" in (tmp_path / "a.srt").read_bytes()


def test_a_skipped_file_keeps_the_manifest_s_line_of_the_earlier_run(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    asked = ("a.wav", "b.wav", "-o", "out", "--manifest-out", "m.jsonl", "--skip-existing")
    assert transcribe(tmp_path, *asked).code == 1
    clip(tmp_path / "b.wav")
    done = transcribe(tmp_path, *asked)
    assert done.code == 0, done.err
    rows = [json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines()]
    assert [(row["audio_filepath"], row["status"]) for row in rows] == [
        ("a.wav", "ok"),
        ("b.wav", "ok"),
    ]
    assert all("mock transcript" in row["pred_text"] for row in rows)


def test_skip_existing_looks_in_the_folder_asked_for(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    clip(tmp_path / "a.txt")  # in the working directory, where nothing was asked for
    done = transcribe(tmp_path, "in", "-f", "txt", "-o", "out", "--skip-existing")
    assert done.code == 0, done.err
    assert (tmp_path / "out/a.txt").read_bytes() == SAID


def test_outputs_have_the_rights_that_the_umask_leaves(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    transcribe(tmp_path, "a.wav", "-f", "txt", umask=0o027)
    assert (tmp_path / "a.txt").stat().st_mode & 0o777 == 0o640


def test_an_output_that_can_t_be_written_fails_its_file_alone(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    clip(tmp_path / "b.wav")
    (tmp_path / "out/a.txt/full").mkdir(parents=True)
    done = transcribe(tmp_path, "a.wav", "b.wav", "-f", "txt", "-o", "out", "--overwrite")
    assert done.code == 1
    assert "a.txt can't be written: Is a directory" in done.err
    assert files(tmp_path / "out") == {"b.txt"}


def test_the_json_holds_every_field_of_its_schema(tmp_path: Path) -> None:
    clip(tmp_path / "a.wav")
    (tmp_path / "a.txt").write_text("Four words, “well” spaced.", encoding="utf-8")
    done = transcribe(tmp_path, "a.wav", "-f", "json", "--language", "en", "-o", "out")
    assert done.code == 0, done.err
    text = (tmp_path / "out/a.json").read_bytes()
    assert not text.startswith(b"\xef\xbb\xbf")
    found = json.loads(text)
    seconds = pytest.approx(CLIP_SECONDS, abs=0.01)
    assert list(found) == [
        *("schema", "source", "accounting", "engine", "language", "status", "text"),
        *("doubts", "streams", "segments"),
    ]
    assert found["schema"] == "parakeet.transcript/1"
    assert found["source"] == {
        "path": "a.wav", "duration": seconds, "sample_rate": 16_000, "channels": 1,
    }  # fmt: skip
    assert found["accounting"] == {
        "expected_seconds": seconds,
        "expected_basis": "exact",
        "decoded_seconds": seconds,
        "lost_seconds": 0.0,
        "lost": [],
        "damaged_packets": 0,
    }
    assert set(found["engine"]) == {"name", "model", "device", "version"}
    assert found["engine"]["name"] == "mock"
    assert (found["language"], found["status"]) == ("en", "ok")
    assert found["text"] == "Four words, “well” spaced."
    (segment,) = found["segments"]
    assert list(segment) == ["id", "start", "end", "text", "confidence", "words"]
    assert (segment["id"], segment["start"], segment["end"]) == (0, 0.0, seconds)
    assert [word["word"] for word in segment["words"]] == ["Four", "words,", "“well”", "spaced."]
    assert list(segment["words"][0]) == ["word", "start", "end", "confidence"]
    starts = [word["start"] for word in segment["words"]]
    assert starts == sorted(starts)
    assert [word["end"] for word in segment["words"]][:-1] == pytest.approx(starts[1:])


def test_partial_files_are_written_and_exit_1_unless_accepted(tmp_path: Path) -> None:
    data = clip(tmp_path / "cut.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(data[: len(data) // 2])
    done = transcribe(tmp_path, "cut.wav", "-f", "json")
    assert done.code == 1
    assert "Partial: cut.wav" in done.err
    found = json.loads((tmp_path / "cut.json").read_bytes())
    assert found["status"] == "partial"
    assert found["accounting"]["lost_seconds"] == pytest.approx(CLIP_SECONDS / 2, abs=0.05)
    assert found["accounting"]["lost"][0]["reason"]
    accepted = transcribe(tmp_path, "cut.wav", "-f", "json", "--overwrite", "--allow-partial")
    assert accepted.code == 0, accepted.err


def test_no_temporary_file_is_left_behind(tmp_path: Path) -> None:
    clip(tmp_path / "in/a.wav")
    transcribe(tmp_path, "in", "-f", "all", "-o", "out", "--manifest-out", "m.jsonl")
    assert files(tmp_path / "out") == {f"a{suffix}" for suffix in ALL}
