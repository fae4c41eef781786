from __future__ import annotations

import re

import pytest

from parakeet_cli.models.registry import HUB_NAMES, KNOWN, by_repository, look_up, names
from parakeet_cli.models.types import NEMO, ONNX, SPEAKERS, WHISPER


@pytest.mark.parametrize(
    ("name", "kind", "repository"),
    [
        ("v3", NEMO, "nvidia/parakeet-tdt-0.6b-v3"),
        ("v2", NEMO, "nvidia/parakeet-tdt-0.6b-v2"),
        ("1.1b", NEMO, "nvidia/parakeet-tdt-1.1b"),
        ("ctc", NEMO, "nvidia/parakeet-ctc-0.6b"),
        ("rnnt", NEMO, "nvidia/parakeet-rnnt-0.6b"),
        ("parakeet-tdt-0.6b-v3", NEMO, "nvidia/parakeet-tdt-0.6b-v3"),
        ("v3", ONNX, "istupakov/parakeet-tdt-0.6b-v3-onnx"),
        ("v3-int8", ONNX, "istupakov/parakeet-tdt-0.6b-v3-onnx"),
        ("nvidia/parakeet-tdt-0.6b-v3", ONNX, "istupakov/parakeet-tdt-0.6b-v3-onnx"),
        ("nemo-parakeet-tdt-0.6b-v2", ONNX, "istupakov/parakeet-tdt-0.6b-v2-onnx"),
        ("ctc", ONNX, "istupakov/parakeet-ctc-0.6b-onnx"),
        ("small", WHISPER, HUB_NAMES["small"]),
    ],
)
def test_a_name_means_the_same_model_to_each_engine(name: str, kind: str, repository: str) -> None:
    known = look_up(name, kind)
    assert known is not None
    assert (known.kind, known.repository) == (kind, repository)


def test_a_pinned_model_has_a_revision_and_all_checksums() -> None:
    """A revision without sums, or a sum without a revision, would check nothing."""
    for row in KNOWN:
        assert bool(row.revision) == bool(row.sha256), row.name
        if row.revision:
            assert re.fullmatch(r"[0-9a-f]{40}", row.revision)
            assert row.size
        for name, digest in row.sha256.items():
            assert name in row.files
            assert re.fullmatch(r"[0-9a-f]{64}", digest)
    names = [row.name for row in KNOWN]
    assert len(names) == len(set(names))


def test_a_name_of_another_engine_is_unknown_to_one() -> None:
    assert look_up("v3-int8", NEMO) is None
    assert look_up("nonsense") is None
    assert "v3-int8" in names(ONNX)
    assert "v3-int8" not in names(NEMO)


def test_a_repository_without_a_name_has_the_files_of_its_kind() -> None:
    assert by_repository("someone/mine", NEMO).files == ("mine.nemo",)
    onnx = by_repository("someone/mine", ONNX)
    assert {"*.onnx", "vocab.txt", "config.json"} == set(onnx.files) - set(onnx.optional)
    assert "model.bin" in by_repository("someone/mine", WHISPER).files


def test_the_sortformers_are_named_with_their_licences_and_need_nemo_3() -> None:
    first, second = (look_up(name, SPEAKERS) for name in ("sortformer", "sortformer-2.1"))
    assert first is not None
    assert second is not None
    assert (first.repository, first.licence) == (
        "nvidia/diar_streaming_sortformer_4spk-v2",
        "CC-BY-4.0",
    )
    assert (second.repository, second.licence) == (
        "nvidia/diar_streaming_sortformer_4spk-v2.1",
        "NVIDIA-Open-Model",
    )
    hub = by_repository("someone/diar_mine", SPEAKERS)
    assert hub.files == ("diar_mine.nemo",)
    assert {one.oldest_nemo for one in (first, second, hub)} == {"3.0"}
