from __future__ import annotations

import os
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineUnavailable, ExitCode
from parakeet_cli.models.registry import look_up
from parakeet_cli.models.resolve import cached_models, find_model
from parakeet_cli.models.types import KINDS, NEMO, ONNX, SPEAKERS, WHISPER
from tests.unit.models.hub_cache import put

pytestmark = pytest.mark.usefixtures("cache")


def test_the_default_is_v3_for_both_engines() -> None:
    for kind in (NEMO, ONNX):
        with pytest.raises(EngineUnavailable, match=r"parakeet-tdt-0\.6b-v3") as refused:
            find_model(None, kind=kind, offline=True)
        assert refused.value.exit_code is ExitCode.ENGINE
        assert "parakeet models pull v3" in (refused.value.hint or "")


def test_a_cached_model_is_found_without_a_network(cache: Path) -> None:
    folder = put(cache, "nvidia/parakeet-tdt-1.1b", "a" * 40, "parakeet-tdt-1.1b.nemo", main=True)
    found = find_model("1.1b", kind=NEMO, offline=True)
    assert found.path == folder / "parakeet-tdt-1.1b.nemo"
    assert (found.name, found.revision) == ("1.1b", "a" * 40)
    assert cached_models(NEMO) == [found]
    assert cached_models(ONNX) == []


def test_the_pinned_revision_comes_before_main_and_main_before_the_newest(cache: Path) -> None:
    known = look_up("v2", NEMO)
    assert known is not None
    assert known.revision is not None
    newest = put(cache, known.repository, "b" * 40, *known.files)
    os.utime(newest, (2e9, 2e9))
    assert find_model("v2", kind=NEMO, offline=True).revision == "b" * 40
    put(cache, known.repository, "a" * 40, *known.files, main=True)
    assert find_model("v2", kind=NEMO, offline=True).revision == "a" * 40
    put(cache, known.repository, known.revision, *known.files)
    assert find_model("v2", kind=NEMO, offline=True).revision == known.revision


def test_an_incomplete_model_is_not_cached(cache: Path) -> None:
    known = look_up("v3-int8", ONNX)
    assert known is not None
    folder = put(cache, known.repository, "a" * 40, *known.files[1:], main=True)
    assert cached_models(ONNX) == []
    (folder / known.files[0]).symlink_to("../../blobs/gone")
    assert cached_models(ONNX) == []
    (folder / known.files[0]).unlink()
    (folder / known.files[0]).write_bytes(b"x")
    (found,) = cached_models(ONNX)
    assert (found.path, found.quantization) == (folder, "int8")


def test_a_hub_id_without_a_known_name_is_found_too(cache: Path) -> None:
    put(cache, "someone/my-parakeet", "a" * 40, "my-parakeet.nemo", main=True)
    assert (
        find_model("someone/my-parakeet", kind=NEMO, offline=True).path.name == "my-parakeet.nemo"
    )
    assert [one.name for one in cached_models(NEMO)] == ["someone/my-parakeet"]


def test_a_path_is_used_as_it_is(tmp_path: Path) -> None:
    model = tmp_path / "my.nemo"
    model.touch()
    assert find_model(str(model), kind=NEMO).path == model
    assert find_model(str(tmp_path), kind=ONNX).path == tmp_path
    for path, kind in ((tmp_path, NEMO), (model, ONNX), (tmp_path / "none.nemo", NEMO)):
        with pytest.raises(EngineUnavailable, match="The model"):
            find_model(str(path), kind=kind)


@pytest.mark.parametrize("name", ["v3", "v3-int8", "nvidia/parakeet-tdt-0.6b-v3", "small"])
def test_a_name_of_the_table_is_the_table_s_whatever_is_in_the_working_folder(
    name: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir(parents=True)
    known = look_up(name)
    assert known is not None
    folder = put(cache, known.repository, "a" * 40, *known.files, main=True)
    found = find_model(name, kind=known.kind, offline=True)
    assert found.path in (folder, *folder.iterdir())
    assert find_model(f"./{name}", kind=ONNX).path == Path(name)


@pytest.mark.parametrize("name", ["mine", "v9"])
def test_a_path_has_a_slash(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    with pytest.raises(EngineUnavailable, match="no model called") as refused:
        find_model(name, kind=ONNX)
    assert f"--model ./{name}" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("name", "kind", "meant"),
    [
        ("large", WHISPER, "large-v3 or large-v2 or large-v1"),
        ("smal", WHISPER, "small"),
        ("v3int8", ONNX, "v3-int8"),
        ("parakeet-tdt-0.6b-v33", NEMO, "v3"),
        ("parakeet", WHISPER, "v3"),
        ("TURBO", WHISPER, "turbo"),
    ],
)
def test_the_names_that_come_close_are_suggested(name: str, kind: str, meant: str) -> None:
    with pytest.raises(EngineUnavailable) as refused:
        find_model(name, kind=kind, offline=True)
    assert (refused.value.hint or "").startswith(f"Did you mean {meant}")


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"HF_HUB_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
        ({"TRANSFORMERS_OFFLINE": "true"}, "TRANSFORMERS_OFFLINE is set"),
        ({"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}, "HF_HUB_OFFLINE is set"),
    ],
)
def test_what_forbids_a_download_is_named(
    variables: dict[str, str], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EngineUnavailable, match=reason):
        find_model("v2", kind=NEMO)


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_name_is_an_error_with_the_known_ones(kind: str) -> None:
    with pytest.raises(EngineUnavailable, match="no model called 'nonsense'") as refused:
        find_model("nonsense", kind=kind)
    assert "Known names" in (refused.value.hint or "")


def test_a_name_for_another_engine_is_an_error_that_names_it() -> None:
    with pytest.raises(EngineUnavailable, match="a name for onnx"):
        find_model("v3-int8", kind=NEMO)


def test_what_says_who_spoke_is_no_engine_s_model(cache: Path, tmp_path: Path) -> None:
    known = look_up("sortformer")
    assert known is not None
    folder = put(cache, known.repository, "a" * 40, *known.files, main=True)
    found = find_model("sortformer", kind=SPEAKERS, offline=True)
    assert found.path == folder / known.files[0]
    for kind in (NEMO, ONNX):
        assert cached_models(kind) == []  # so `auto` never takes it for a Parakeet
        with pytest.raises(EngineUnavailable, match="a name for --speakers-model") as refused:
            find_model("sortformer", kind=kind, offline=True)
        assert refused.value.hint == "It says who spoke: --speakers --speakers-model sortformer"
    with pytest.raises(EngineUnavailable, match="--speakers-model") as unknown:
        find_model("mine", kind=SPEAKERS, offline=True)
    assert "nvidia/diar_streaming_sortformer_4spk-v2" in (unknown.value.hint or "")
    model = tmp_path / "mine.nemo"
    model.touch()
    assert find_model(str(model), kind=SPEAKERS).path == model
