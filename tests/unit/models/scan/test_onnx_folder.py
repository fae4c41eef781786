from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.models.scan.model import scan_model

MODELS = Path(__file__).parents[3] / "fixtures" / "models"


def found(path: Path) -> str:
    return "\n".join(map(str, scan_model(path)))


@pytest.mark.parametrize("kind", ["small-parakeet-tdt", "small-parakeet-ctc"])
def test_the_small_parakeets_pass(kind: str) -> None:
    """Real files of NeMo and of torch's ONNX export."""
    assert scan_model(MODELS / f"{kind}.nemo") == ()
    assert scan_model(MODELS / f"{kind}-onnx") == ()


# ONNX: field 7 of a model is its graph, 5 of that an initializer, 13 of that external data.


def field(number: int, content: bytes) -> bytes:
    length = len(content)
    size = bytes([length & 0x7F | 0x80, length >> 7]) if length > 0x7F else bytes([length])
    tag = number << 3 | 2
    key = bytes([tag & 0x7F | 0x80, tag >> 7]) if tag > 0x7F else bytes([tag])
    return key + size + content


def onnx(location: str) -> bytes:
    entry = field(1, b"location") + field(2, location.encode())
    return b"\x08\x08" + field(7, field(5, field(9, b"\0" * 200) + field(13, entry)))


def test_weights_beside_a_graph_are_its_own_and_none_elsewhere(tmp_path: Path) -> None:
    model = tmp_path / "encoder-model.onnx"
    model.write_bytes(onnx("encoder-model.onnx.data"))
    (tmp_path / "vocab.txt").write_text("<blk> 0\n")
    (tmp_path / "encoder-model.onnx.data").write_bytes(b"weights")
    assert scan_model(tmp_path) == ()
    for location in ("../weights", "/etc/passwd", "..", "", "a/b", "..\\x"):
        model.write_bytes(onnx(location))
        assert "takes weights from" in found(tmp_path), location
    model.write_bytes(b"no protobuf")
    assert "isn't an ONNX model" in found(tmp_path)
    model.write_bytes(b"")
    assert "empty" in found(model)


@pytest.mark.parametrize("name", ["hook.py", "custom_ops.so", "weights.pkl", "weights.pt"])
def test_code_beside_a_graph_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.onnx").write_bytes(onnx("model.onnx.data"))
    (tmp_path / name).touch()
    assert "could be code" in found(tmp_path)


def test_the_cache_s_own_links_are_no_way_out(tmp_path: Path) -> None:
    """A snapshot of the hub's cache holds nothing but links to its blobs."""
    snapshot = tmp_path / "models--a--b" / "snapshots" / ("a" * 40)
    blobs = tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "1").write_bytes(onnx("model.onnx.data"))
    (blobs / "2").write_bytes(b"weights")
    (snapshot / "model.onnx").symlink_to("../../blobs/1")
    (snapshot / "model.onnx.data").symlink_to("../../blobs/2")
    assert scan_model(snapshot) == ()
