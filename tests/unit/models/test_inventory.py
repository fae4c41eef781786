from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models import lock_file
from parakeet_cli.models.cache import git_sum_of
from parakeet_cli.models.inventory import (
    Outcome,
    list_models,
    model_named,
    models_in_same_folder,
    remove,
    verify,
)
from parakeet_cli.models.progress import NoProgress
from parakeet_cli.models.registry import KNOWN, by_repository, look_up
from parakeet_cli.models.types import NEMO, ONNX, WHISPER, KnownModel
from tests.unit.models.hub_cache import put

MINE = by_repository("a/b", NEMO)

pytestmark = pytest.mark.usefixtures("cache")


def known(name: str, kind: str) -> KnownModel:
    found = look_up(name, kind)
    assert found is not None
    return found


def outcomes(model: KnownModel) -> dict[str, Outcome]:
    return {check.file: check.outcome for check in verify(model, NoProgress())}


def put_blob(cache: Path, content: bytes, digest: str) -> None:
    """A file that another tool downloaded: its blob is named by its checksum."""
    folder = put(cache, "a/b", "1", main=True)
    (folder / "../../blobs" / digest).write_bytes(content)
    (folder / "b.nemo").symlink_to(Path("../../blobs") / digest)


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        ("someone/mine", None, NEMO),
        ("someone/mine-onnx", None, ONNX),
        ("someone/mine-onnx", WHISPER, WHISPER),
        ("v3-int8", None, ONNX),
    ],
)
def test_a_name_says_the_kind_of_its_model(name: str, kind: str | None, found: str) -> None:
    assert model_named(name, kind).kind == found


def test_the_embedded_model_is_not_one_of_the_cache() -> None:
    with pytest.raises(EngineUnavailable, match="comes with the program"):
        model_named("tiny.en", None)


def test_the_list_has_every_known_model_and_the_others_in_the_cache(cache: Path) -> None:
    v3 = known("v3", NEMO)
    put(cache, v3.repository, "1", *v3.files)
    put(cache, "a/b", "1", "b.nemo")
    rows = list_models()
    assert [row.known for row in rows[: len(KNOWN)]] == list(KNOWN)
    cached = {row.known.name: row.cached_bytes for row in rows if row.cached}
    assert cached == {"v3": len(v3.files[0]), "a/b": len("b.nemo")}


def test_a_file_is_compared_with_what_was_recorded_when_it_was_pulled(cache: Path) -> None:
    folder = put(cache, "a/b", "1", "b.nemo", main=True)
    lock_file.write("a/b", "1", {"b.nemo": hashlib.sha256(b"b.nemo").hexdigest()})
    assert outcomes(MINE) == {"b.nemo": Outcome.OK}
    (folder / "b.nemo").write_bytes(b"something else")
    assert outcomes(MINE) == {"b.nemo": Outcome.CHANGED}


def test_a_pinned_sum_counts_more_than_a_recorded_one(cache: Path) -> None:
    v2 = known("v2", NEMO)
    assert v2.revision is not None
    put(cache, v2.repository, v2.revision, *v2.files)
    recorded = {name: hashlib.sha256(name.encode()).hexdigest() for name in v2.files}
    lock_file.write(v2.repository, v2.revision, recorded)
    (check,) = verify(v2, NoProgress())
    assert (check.file, check.outcome) == (v2.files[0], Outcome.CHANGED)
    assert check.reference == "the sum in this program"


@pytest.mark.parametrize("kind", ["sha256", "git"])
def test_a_download_of_another_tool_is_compared_with_the_name_of_its_blob(
    kind: str, cache: Path, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(b"weights")
    digest = (
        hashlib.sha256(b"weights").hexdigest() if kind == "sha256" else git_sum_of(tmp_path / "a")
    )
    put_blob(cache, b"weights", digest)
    assert outcomes(MINE) == {"b.nemo": Outcome.OK}
    (cache / "models--a--b" / "blobs" / digest).write_bytes(b"weightz")
    assert outcomes(MINE) == {"b.nemo": Outcome.CHANGED}


def test_a_file_that_nothing_was_recorded_of_is_unknown_and_not_a_pass(cache: Path) -> None:
    put(cache, "a/b", "1", "b.nemo", main=True)
    assert outcomes(MINE) == {"b.nemo": Outcome.UNKNOWN}


def test_an_expected_file_that_is_not_there_is_missing(cache: Path) -> None:
    put(cache, "a/b", "1", main=True)
    assert outcomes(MINE) == {"b.nemo": Outcome.MISSING}


def test_what_is_not_cached_can_be_neither_verified_nor_removed() -> None:
    with pytest.raises(EngineUnavailable, match="not on this machine") as refused:
        outcomes(MINE)
    assert refused.value.hint == "Fetch it: parakeet models pull a/b"
    with pytest.raises(EngineUnavailable, match="not on this machine"):
        remove(MINE)


def test_two_models_can_share_a_folder(cache: Path) -> None:
    int8, whole = known("v3-int8", ONNX), known("v3", ONNX)
    assert int8.repository == whole.repository
    put(cache, int8.repository, "1", *int8.files)
    assert models_in_same_folder(whole) == [int8.name]
    assert models_in_same_folder(int8) == []


def test_removing_frees_the_bytes_of_its_folder(cache: Path) -> None:
    put(cache, "a/b", "1", "b.nemo")
    assert remove(MINE) == len("b.nemo")
    assert list(cache.iterdir()) == []
