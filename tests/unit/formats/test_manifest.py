from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from parakeet_cli.errors import InputError
from parakeet_cli.formats import encode
from parakeet_cli.formats.manifest import ManifestRow, is_manifest, manifest_line, read_manifest
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
    ],
)
def test_a_bad_line_names_its_file_and_number(tmp_path: Path, row: str, why: str) -> None:
    manifest = tmp_path / "list.jsonl"
    manifest.write_text(f'{{"audio_filepath": "ok.wav"}}\n{row}\n')
    with pytest.raises(InputError, match=f"list.jsonl, line 2: .*{why}"):
        list(read_manifest(manifest))


def test_a_missing_manifest_is_one_plain_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read: No such file"):
        list(read_manifest(tmp_path / "none.jsonl"))


def test_a_manifest_is_told_from_other_json(tmp_path: Path) -> None:
    listed, other, sound = tmp_path / "a.jsonl", tmp_path / "b.json", tmp_path / "c.wav"
    listed.write_text('{"audio_filepath": "x.wav"}\n')
    other.write_text('{\n  "schema": "parakeet.transcript/1"\n}\n')
    sound.write_text('{"audio_filepath": "x.wav"}\n')
    assert [is_manifest(path) for path in (listed, other, sound, tmp_path)] == [
        True,
        False,
        False,
        False,
    ]


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
    assert os.fsencode(row.path.name) == b"caf\xe9.wav"
