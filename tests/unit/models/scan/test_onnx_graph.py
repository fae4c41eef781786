"""Tests the scan of ONNX graphs; it works without any ONNX package."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.models.scan.onnx_graph import NotOnnxError, external_files
from tests.onnx_bytes import PLACES, elsewhere, field


@pytest.mark.parametrize("place", PLACES)
def test_external_weights_are_found_wherever_a_graph_has_tensors(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "m.onnx").write_bytes(PLACES[place](elsewhere("../x")))
    assert external_files(tmp_path / "m.onnx") == {"../x"}


def test_both_of_two_locations_are_found(tmp_path: Path) -> None:
    first = field(13, field(1, b"location") + field(2, b"good.data"))
    both = field(13, field(1, b"location") + field(2, b"good.data") + field(2, b"/etc/passwd"))
    (tmp_path / "m.onnx").write_bytes(field(7, field(5, first + both)))
    assert external_files(tmp_path / "m.onnx") == {"good.data", "/etc/passwd"}


@pytest.mark.parametrize("content", [b"", b"\x00", b"PK\x03\x04rest", b"\xff" * 40, field(1, b"x")])
def test_a_file_that_is_not_onnx_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(NotOnnxError):
        external_files(tmp_path / "m.onnx")


def test_a_truncated_file_is_an_error(tmp_path: Path) -> None:
    whole = field(7, field(5, elsewhere("x.data")))
    (tmp_path / "m.onnx").write_bytes(whole[:-3])
    with pytest.raises(NotOnnxError, match="truncated"):
        external_files(tmp_path / "m.onnx")


@settings(deadline=None)
@given(content=st.binary(min_size=1, max_size=300))
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.onnx"
    for given_bytes in (content, field(7, content), field(7, field(5, content))):
        path.write_bytes(given_bytes)
        try:
            found = external_files(path)
        except NotOnnxError:
            continue
        assert all(isinstance(name, str) for name in found)


def test_graphs_nested_a_thousand_deep_are_read(tmp_path: Path) -> None:
    graph = field(5, elsewhere("deep"))
    for _ in range(1000):
        graph = field(1, field(5, field(6, graph)))
    (tmp_path / "m.onnx").write_bytes(field(7, graph))
    assert external_files(tmp_path / "m.onnx") == {"deep"}
