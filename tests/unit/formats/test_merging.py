from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.errors import InputError, UsageError
from parakeet_cli.formats.merging import merge


def manifest(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def row(name: str, text: str = "", status: str = "ok", **more: object) -> dict[str, object]:
    return {"audio_filepath": name, "pred_text": text, "status": status, **more}


def test_shards_are_joined_in_the_order_met_and_nothing_twice(tmp_path: Path) -> None:
    one = manifest(tmp_path / "1", row("a.wav", "ä"), row("b.wav", "b"))
    two = manifest(tmp_path / "2", row("c.wav", "c"), row("a.wav", "ä"))
    merged = merge([one, two])
    assert [json.loads(line)["audio_filepath"] for line in merged.lines] == [
        "a.wav",
        "b.wav",
        "c.wav",
    ]
    assert "ä" in merged.lines[0]
    assert (merged.repeated, merged.outdone) == (1, 0)


def test_a_retry_s_success_replaces_the_failure_wherever_it_stands(tmp_path: Path) -> None:
    failed = manifest(tmp_path / "1", row("a.wav", status="failed"), row("b.wav", "b"))
    again = manifest(tmp_path / "2", row("a.wav", "a"), row("b.wav", status="skipped"))
    for order in ([failed, again], [again, failed]):
        merged = merge(order)
        assert {json.loads(line)["pred_text"] for line in merged.lines} == {"a", "b"}
        assert merged.outdone == 2


def test_two_texts_for_one_input_are_refused_unless_one_is_preferred(tmp_path: Path) -> None:
    one = manifest(tmp_path / "1", row("a.wav", "this"))
    two = manifest(tmp_path / "2", row("a.wav", "that"))
    with pytest.raises(UsageError, match="not alike"):
        merge([one, two])
    for prefer, text in (("first", "this"), ("last", "that")):
        (line,) = merge([one, two], prefer).lines
        assert json.loads(line)["pred_text"] == text


def test_parts_of_one_recording_are_inputs_of_their_own(tmp_path: Path) -> None:
    parts = manifest(tmp_path / "1", row("a.wav", "x"), row("a.wav", "y", offset=5.0))
    assert len(merge([parts]).lines) == 2


@pytest.mark.parametrize("text", ["no JSON", "[1]", '{"audio": "a.wav"}'])
def test_what_is_no_manifest_is_refused_with_its_line(tmp_path: Path, text: str) -> None:
    path = manifest(tmp_path / "1", row("a.wav"))
    path.write_text(path.read_text() + text, encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        merge([path])
    with pytest.raises(InputError, match="can't be read"):
        merge([tmp_path / "none"])
