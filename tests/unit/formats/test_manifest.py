from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from parakeet_cli.errors import InputError, UsageError
from parakeet_cli.formats import encode
from parakeet_cli.formats.manifest import (
    BadRow,
    ManifestRow,
    manifest_line,
    merge,
    read_manifest,
)
from parakeet_cli.transcript import FileResult, Status
from tests.unit.formats.spoken import make, speak


def test_a_relative_path_starts_at_the_manifest(tmp_path: Path) -> None:
    manifest = tmp_path / "list.jsonl"
    manifest.write_text(
        '\ufeff{"audio_filepath": "a/one.wav", "duration": 3, "text": "ignored"}\n'
        "\n"
        '{"audio_filepath": "/data/two.wav", "offset": 1.5, "duration": null}\n'
    )
    assert list(read_manifest(manifest)) == [
        ManifestRow(tmp_path / "a/one.wav", 3.0, None, 1, "a/one.wav"),
        ManifestRow(Path("/data/two.wav"), None, 1.5, 3, "/data/two.wav"),
    ]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("{", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"audio": "x.wav"}', "'audio_filepath' must be"),
        ('{"audio_filepath": 3}', "'audio_filepath' must be"),
        ('{"audio_filepath": "a\\u0000b"}', "'audio_filepath' must be"),
        ('{"audio_filepath": "x.wav", "duration": "long"}', "'duration' must be"),
        ('{"audio_filepath": "x.wav", "offset": -1}', "'offset' must be"),
        ('{"audio_filepath": "x.wav", "duration": NaN}', "'duration' must be"),
        ('{"audio_filepath": "x.wav", "duration": true}', "'duration' must be"),
        ('{"audio_filepath": "x.wav", "duration": -5}', "'duration' must be"),
        ('{"audio_filepath": "x.wav", "offset": Infinity}', "'offset' must be"),
        (f'{{"audio_filepath": "x.wav", "offset": 1{"0" * 400}}}', "'offset' must be"),
        ('{"audio_filepath": "\\ud800.wav"}', "'audio_filepath' must be"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_line_names_its_file_and_number(tmp_path: Path, row: str, why: str) -> None:
    manifest = tmp_path / "list.jsonl"
    manifest.write_text(
        f'{{"audio_filepath": "ok.wav"}}\n{row}\n{{"audio_filepath": "last.wav"}}\n'
    )
    first, bad, last = read_manifest(manifest)
    assert isinstance(bad, BadRow)
    assert re.search(f"list.jsonl, line 2: .*{why}", str(bad.error))
    assert (first.written, bad.line, last.written, last.line) == ("ok.wav", 2, "last.wav", 3)
    assert bad.written == ("x.wav" if "x.wav" in row and "'audio_filepath'" not in why else "")


def test_a_missing_manifest_is_one_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read: No such file"):
        list(read_manifest(tmp_path / "none.jsonl"))


def test_a_result_is_one_line_for_nemo() -> None:
    transcript = make(speak("Good day."), path="a b.wav", duration=2.0)
    done = FileResult("a b.wav", Status.OK, transcript)
    failed = FileResult("gone.wav", Status.FAILED, reason="It is gone.")
    lines = manifest_line(done) + manifest_line(failed)
    assert [json.loads(line) for line in lines.splitlines()] == [
        {"audio_filepath": "a b.wav", "duration": 2.0, "pred_text": "Good day.", "status": "ok"},
        {"audio_filepath": "gone.wav", "duration": None, "pred_text": "", "status": "failed"},
    ]


def test_a_name_that_is_not_unicode_goes_out_and_comes_back(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.wav")
    manifest = tmp_path / "list.jsonl"
    manifest.write_bytes(encode(manifest_line(FileResult(name, Status.FAILED))))
    (row,) = read_manifest(manifest)
    assert isinstance(row, ManifestRow)
    assert os.fsencode(row.path.name) == b"caf\xe9.wav"


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def result_row(name: str, text: str = "", status: str = "ok", **more: object) -> dict[str, object]:
    return {"audio_filepath": name, "pred_text": text, "status": status, **more}


def test_shards_are_merged_in_order_and_without_duplicates(tmp_path: Path) -> None:
    one = write(tmp_path / "1", result_row("a.wav", "ä"), result_row("b.wav", "b"))
    two = write(tmp_path / "2", result_row("c.wav", "c"), result_row("a.wav", "ä"))
    merged = merge([one, two])
    assert [json.loads(line)["audio_filepath"] for line in merged.lines] == [
        "a.wav",
        "b.wav",
        "c.wav",
    ]
    assert "ä" in merged.lines[0]
    assert (merged.repeated, merged.replaced) == (1, 0)


def test_a_retry_s_success_replaces_the_failure_in_any_order(tmp_path: Path) -> None:
    failed = write(tmp_path / "1", result_row("a.wav", status="failed"), result_row("b.wav", "b"))
    again = write(tmp_path / "2", result_row("a.wav", "a"), result_row("b.wav", status="skipped"))
    for order in ([failed, again], [again, failed]):
        merged = merge(order)
        assert {json.loads(line)["pred_text"] for line in merged.lines} == {"a", "b"}
        assert merged.replaced == 2


def test_two_texts_for_one_input_are_refused_unless_one_is_preferred(tmp_path: Path) -> None:
    one = write(tmp_path / "1", result_row("a.wav", "this"))
    two = write(tmp_path / "2", result_row("a.wav", "that"))
    with pytest.raises(UsageError, match="different results"):
        merge([one, two])
    for prefer, text in (("first", "this"), ("last", "that")):
        (line,) = merge([one, two], prefer).lines
        assert json.loads(line)["pred_text"] == text


def test_parts_of_one_recording_are_inputs_of_their_own(tmp_path: Path) -> None:
    parts = write(tmp_path / "1", result_row("a.wav", "x"), result_row("a.wav", "y", offset=5.0))
    assert len(merge([parts]).lines) == 2


@pytest.mark.parametrize("text", ["no JSON", "[1]", '{"audio": "a.wav"}'])
def test_a_file_that_is_not_a_manifest_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "1", result_row("a.wav"))
    path.write_text(path.read_text() + text, encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        merge([path])
    with pytest.raises(InputError, match="can't be read"):
        merge([tmp_path / "none"])
