"""Tests the checks of an ONNX folder before ONNX Runtime loads it, without any ONNX package."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parakeet_cli.engines.onnx.folder import is_onnx_folder, open_folder
from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan.model import scan_model
from tests.onnx_bytes import PLACES, elsewhere, field

VOCABULARY = "▁a 0\n▁b 1\n<blk> 2\n"


def model(folder: Path, **config: object) -> Path:
    """A folder whose texts are complete."""
    folder.mkdir(exist_ok=True)
    config = {"model_type": "nemo-conformer-tdt", **config}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "vocab.txt").write_text(VOCABULARY, encoding="utf-8")
    for name in ("encoder-model.onnx", "decoder_joint-model.onnx"):
        (folder / name).write_bytes(field(7, b""))
    return folder


def test_a_complete_folder_is_accepted(tmp_path: Path) -> None:
    folder = open_folder(model(tmp_path / "m", features_size=128), "m")
    assert (folder.kind, folder.mels) == ("nemo-conformer-tdt", 128)
    assert {key: path.name for key, path in folder.graphs.items()} == {
        "encoder": "encoder-model.onnx",
        "decoder_joint": "decoder_joint-model.onnx",
    }
    folder.check()


def test_int8_files_are_used_if_there_are_no_others_or_they_are_asked_for(tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    for name in ("encoder-model", "decoder_joint-model"):
        (path / f"{name}.int8.onnx").write_bytes(field(7, b""))
    assert open_folder(path, "m").graphs["encoder"].name == "encoder-model.onnx"
    assert open_folder(path, "m", "int8").graphs["encoder"].name == "encoder-model.int8.onnx"
    for name in ("encoder-model", "decoder_joint-model"):
        (path / f"{name}.onnx").unlink()
    assert is_onnx_folder(path)
    found = open_folder(path, "m").graphs
    assert {one.name for one in found.values()} == {
        "encoder-model.int8.onnx",
        "decoder_joint-model.int8.onnx",
    }


@pytest.mark.parametrize(
    "name", ["config.json", "vocab.txt", "encoder-model.onnx", "decoder_joint-model.onnx"]
)
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    path = model(tmp_path / "m")
    (path / name).unlink()
    with pytest.raises(EngineUnavailable, match=name) as refused:
        open_folder(path, "m")
    assert refused.value.hint is not None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", b"{", "not JSON"),
        ("config.json", b"[" * 100_000, "not JSON"),
        ("config.json", b"[]", "one JSON object"),
        ("config.json", b"\xff\xfe", "not UTF-8"),
        ("config.json", b"{}", "of the type None"),
        ("config.json", b'{"model_type": "whisper"}', "of the type 'whisper'"),
        ("config.json", b'{"model_type": ["nemo-conformer-tdt"]}', "of the type"),
        ("vocab.txt", b"a 0\nb 1\n", "incomplete"),
        ("vocab.txt", b"a 0\n<blk> 2\n", "incomplete"),
        ("vocab.txt", b"a b\n", "line 1"),
        ("vocab.txt", b"a " + b"1" * 5000, "line 1"),
        ("vocab.txt", b"a 0\n<blk>\n", "line 2"),
        ("vocab.txt", "a \N{SUPERSCRIPT TWO}\n".encode(), "line 1"),
    ],
)
def test_invalid_texts_are_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    path = model(tmp_path / "m")
    (path / name).write_bytes(content)
    with pytest.raises(EngineUnavailable, match=message):
        open_folder(path, "m")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("features_size", 81),
        ("features_size", "80"),
        ("subsampling_factor", 0),
        ("subsampling_factor", True),
        ("subsampling_factor", 1e9),
        ("max_tokens_per_step", -1),
        ("max_tokens_per_step", None),
    ],
)
def test_invalid_numbers_are_refused(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(EngineUnavailable, match=key):
        open_folder(model(tmp_path / "m", **{key: value}), "m")


@pytest.mark.parametrize("kind", ["nemo-conformer-rnnt", "nemo-conformer-ctc"])
def test_each_head_needs_its_own_graphs(tmp_path: Path, kind: str) -> None:
    path = model(tmp_path / "m", model_type=kind)
    if kind == "nemo-conformer-ctc":
        with pytest.raises(EngineUnavailable, match=r"model\.onnx"):
            open_folder(path, "m")
        (path / "model.onnx").write_bytes(field(7, b""))
    assert open_folder(path, "m").kind == kind


@pytest.mark.parametrize(
    "location",
    ["../secret", "sub/../../secret", "/etc/passwd", "link", "folder/secret", "..", "a\\..\\b"],
)
def test_weights_from_outside_are_refused(tmp_path: Path, location: str) -> None:
    path = model(tmp_path / "m")
    (tmp_path / "secret").write_bytes(b"1234")
    (path / "link").symlink_to(tmp_path / "secret")
    (path / "folder").symlink_to(tmp_path)
    (path / "encoder-model.onnx").write_bytes(PLACES["a branch of an If"](elsewhere(location)))
    with pytest.raises(EngineUnavailable, match=r"outside of its folder\. It was not loaded"):
        open_folder(path, "m").check()
    assert "encoder-model.onnx" in {problem.where for problem in scan_model(path)}


def test_weights_beside_the_graph_are_accepted_and_missing_ones_are_named(tmp_path: Path) -> None:
    path = model(tmp_path / "m")
    (path / "encoder-model.onnx").write_bytes(field(7, field(5, elsewhere("encoder.data"))))
    with pytest.raises(EngineUnavailable, match=r"'encoder\.data', and there is no such file"):
        open_folder(path, "m").check()
    (path / "encoder.data").write_bytes(b"1234")
    open_folder(path, "m").check()


@pytest.mark.parametrize("name", ["config.json", "vocab.txt", "decoder_joint-model.onnx"])
def test_a_file_that_is_a_link_to_the_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = model(tmp_path / "m")
    (path / name).rename(tmp_path / name)
    (path / name).symlink_to(tmp_path / name)
    with pytest.raises(EngineUnavailable, match="leads out of the model's folder"):
        open_folder(path, "m").check()
    assert [problem.where for problem in scan_model(path)] == [name]


def test_links_into_the_hub_cache_s_own_blobs_are_accepted(tmp_path: Path) -> None:
    repository = tmp_path / "models--someone--parakeet"
    (repository / "blobs").mkdir(parents=True)
    (repository / "snapshots").mkdir()
    path = model(repository / "snapshots/0123abc")
    (path / "encoder-model.onnx").write_bytes(field(7, field(5, elsewhere("encoder.data"))))
    (path / "encoder.data").write_bytes(b"1234")
    for number, file in enumerate(sorted(path.iterdir())):
        file.rename(repository / f"blobs/{number}")
        file.symlink_to(f"../../blobs/{number}")
    open_folder(path, "m").check()
    (path / "encoder.data").unlink()
    (path / "encoder.data").symlink_to("../../../secret")
    (tmp_path / "secret").write_bytes(b"1234")
    with pytest.raises(EngineUnavailable, match="outside of its folder"):
        open_folder(path, "m").check()
