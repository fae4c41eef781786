from __future__ import annotations

from pathlib import Path

import pytest

from parakeet_cli.models.scan.model import scan_model
from tests.model_files import problems
from tests.onnx_bytes import elsewhere, field

MODELS = Path(__file__).parents[3] / "fixtures" / "models"


@pytest.mark.parametrize("kind", ["small-parakeet-tdt", "small-parakeet-ctc"])
def test_the_small_parakeets_pass(kind: str) -> None:
    """Real files of NeMo and of torch's ONNX export."""
    assert scan_model(MODELS / f"{kind}.nemo") == ()
    assert scan_model(MODELS / f"{kind}-onnx") == ()


def graph_with_weights(location: str) -> bytes:
    return b"\x08\x08" + field(7, field(5, elsewhere(location)))


def test_weights_beside_a_graph_pass_and_any_elsewhere_are_refused(tmp_path: Path) -> None:
    model = tmp_path / "encoder-model.onnx"
    model.write_bytes(graph_with_weights("encoder-model.onnx.data"))
    (tmp_path / "vocab.txt").write_text("<blk> 0\n")
    (tmp_path / "encoder-model.onnx.data").write_bytes(b"weights")
    assert scan_model(tmp_path) == ()
    for location in ("../weights", "/etc/passwd", "..", "", "a/b", "..\\x"):
        model.write_bytes(graph_with_weights(location))
        assert "takes weights from" in problems(tmp_path), location
    model.write_bytes(b"no protobuf")
    assert "isn't an ONNX model" in problems(tmp_path)
    model.write_bytes(b"")
    assert "empty" in problems(model)


@pytest.mark.parametrize("name", ["hook.py", "custom_ops.so", "weights.pkl", "weights.pt"])
def test_code_beside_a_graph_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "model.onnx").write_bytes(graph_with_weights("model.onnx.data"))
    (tmp_path / name).touch()
    assert "could be code" in problems(tmp_path)


def test_links_into_the_cache_s_own_blobs_pass(tmp_path: Path) -> None:
    """A snapshot of the hub's cache consists of links to its blobs."""
    snapshot = tmp_path / "models--a--b" / "snapshots" / ("a" * 40)
    blobs = tmp_path / "models--a--b" / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "1").write_bytes(graph_with_weights("model.onnx.data"))
    (blobs / "2").write_bytes(b"weights")
    (snapshot / "model.onnx").symlink_to("../../blobs/1")
    (snapshot / "model.onnx.data").symlink_to("../../blobs/2")
    assert scan_model(snapshot) == ()


def test_operators_of_others_are_refused_unless_the_graph_defines_them(tmp_path: Path) -> None:
    model = tmp_path / "model.onnx"
    node = field(4, b"Run") + field(7, b"evil.ops")
    for place in (
        field(7, field(1, node)),
        field(7, field(1, field(5, field(6, field(1, node))))),
        field(7, b"") + field(25, field(7, node) + field(10, b"other")),
    ):
        model.write_bytes(b"\x08\x08" + place)
        assert "operators of 'evil.ops'" in problems(model)
    model.write_bytes(b"\x08\x08" + field(7, field(1, node)) + field(25, field(10, b"evil.ops")))
    assert problems(model) == ""
    microsoft = field(4, b"FusedMatMul") + field(7, b"com.microsoft")
    model.write_bytes(b"\x08\x08" + field(7, field(1, microsoft)))
    assert problems(model) == ""
