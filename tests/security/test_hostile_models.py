"""Attacks by model files: none is taken for a model, whatever it is called."""

from __future__ import annotations

import gzip
import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineUnavailable
from parakeet_cli.models.scan.configuration import scan_yaml
from parakeet_cli.models.scan.instructions import scan_pickle
from parakeet_cli.models.scan.model import private_copy, scan_model
from parakeet_cli.models.scan.tar import Member
from tests.model_files import checkpoint, running
from tests.security.hostile_models import (
    CONFIG,
    HOSTILE,
    NAMES,
    PICKLES,
    SMALL,
    contents,
    hostile_weights,
    packed,
    pickle_of,
)

SMALL_FOLDERS = sorted(SMALL.parent.glob("*-onnx"))


@pytest.mark.parametrize("attack", HOSTILE)
def test_no_hostile_archive_is_copied_for_the_engine(tmp_path: Path, attack: str) -> None:
    model, canary = tmp_path / "m.nemo", tmp_path / "canary"
    model.write_bytes(HOSTILE[attack](canary))
    assert scan_model(model), "`models scan` finds it too"
    with pytest.raises(EngineUnavailable, match="was not loaded"), private_copy(model):
        pass
    assert not canary.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_changes_nothing(tmp_path: Path, name: str) -> None:
    canary, model = tmp_path / "canary", tmp_path / name
    for content in (
        hostile_weights(canary),
        checkpoint(running("pass")),
        pickle_of(canary),
        gzip.compress(hostile_weights(canary)),
        b"MZ" + bytes(600),
        b"",
    ):
        model.write_bytes(content)
        assert scan_model(model)
        with pytest.raises(EngineUnavailable, match="was not loaded"), private_copy(model):
            pass
    assert not canary.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_good_model_passes_under_any_name(tmp_path: Path, name: str) -> None:
    model = tmp_path / name
    model.write_bytes(SMALL.read_bytes())
    assert scan_model(model) == ()
    with private_copy(model) as copy:
        assert (copy / "model_config.yaml").is_file()
        assert copy.parent.stat().st_mode & 0o777 == 0o700
    assert not copy.exists()


@pytest.mark.parametrize("attack", PICKLES)
def test_no_pickle_gets_round_the_list_of_instructions(attack: str) -> None:
    assert list(scan_pickle(PICKLES[attack], "x"))


def test_a_model_is_copied_before_it_is_scanned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written over in place while it is copied: what is scanned is what the engine gets."""
    canary, model = tmp_path / "canary", tmp_path / "m.nemo"
    good, bad = SMALL.read_bytes(), hostile_weights(canary)
    from parakeet_cli.models.scan import archive

    copy_of = archive._copy

    def written_over(stream: BytesIO, member: Member, path: Path) -> None:
        copy_of(stream, member, path)
        model.write_bytes(bad)

    model.write_bytes(good)
    monkeypatch.setattr(archive, "_copy", written_over)
    try:
        with private_copy(model) as copy:
            files = {one.name: one.read_bytes() for one in copy.iterdir()}
    except EngineUnavailable:
        return  # the second member was the other file's already, and was refused
    assert running("")[:20] not in files["model_weights.ckpt"]
    assert not canary.exists()


def test_without_room_for_the_copy_a_sentence_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(EngineUnavailable, match="unpacked") as refused, private_copy(SMALL):
        pass
    assert "TMPDIR" in (refused.value.hint or "")


def test_fifos_devices_and_endless_links_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.nemo")
    (tmp_path / "zero.nemo").symlink_to("/dev/zero")
    (tmp_path / "loop.nemo").symlink_to("loop.nemo")
    for name in ("fifo.nemo", "zero.nemo", "loop.nemo"):
        with pytest.raises(EngineUnavailable, match="can't be read"):
            scan_model(tmp_path / name)
        with pytest.raises(EngineUnavailable, match="can't be read"), private_copy(tmp_path / name):
            pass


def test_100_mb_of_yaml_are_refused_without_being_read(tmp_path: Path) -> None:
    model = tmp_path / "m.nemo"
    model.write_bytes(packed({**contents(), CONFIG: b"a: [" + b"{a}," * (25 << 20) + b"]"}))
    (problem,) = scan_model(model)
    assert "MiB of YAML" in problem.what


def test_the_most_expensive_yaml_that_is_read_has_an_end() -> None:
    """Just below the largest size: the values are counted, and nothing is built of them."""
    (problem,) = scan_yaml(b"a: [" + b"{a}," * (260_000) + b"]", "x")
    assert "more than 200000 values" in problem.what
    (problem,) = scan_yaml(b"a: " + b"[" * 1_000_000, "x")
    assert "deep" in problem.what


def test_100_mb_of_pickle_are_refused_without_being_read(tmp_path: Path) -> None:
    data = b"\x80\x02" + b"N0" * (50 << 20) + b"N."
    (tmp_path / "weights.pkl").write_bytes(data)
    assert "too much for the pickle" in str(scan_model(tmp_path / "weights.pkl")[0])
    (tmp_path / "weights.ckpt").write_bytes(checkpoint(data))
    assert "pickle of" in str(scan_model(tmp_path / "weights.ckpt")[0])


def test_an_archive_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    inner = hostile_weights(tmp_path / "canary")
    (tmp_path / "w.ckpt").write_bytes(checkpoint(more={"model_weights/model.tar": inner}))
    assert "isn't part of a state_dict" in str(scan_model(tmp_path / "w.ckpt")[0])
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("model_weights.ckpt", inner)
    (tmp_path / "w.pt").write_bytes(stream.getvalue())
    assert scan_model(tmp_path / "w.pt")


@pytest.mark.parametrize("folder", SMALL_FOLDERS, ids=lambda one: one.name)
def test_the_small_models_pass(folder: Path) -> None:
    assert scan_model(folder) == ()
    assert scan_model(folder.parent / f"{folder.name.removesuffix('-onnx')}.nemo") == ()
