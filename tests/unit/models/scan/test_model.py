from __future__ import annotations

import hashlib
import pickle
import tarfile
from pathlib import Path

import pytest

from parakeet_cli.errors import EngineUnavailable, ExitCode
from parakeet_cli.models.scan import model
from parakeet_cli.models.scan.model import refuse_hostile, scan_model
from parakeet_cli.models.types import NEMO, KnownModel
from tests.model_files import CONFIG, checkpoint, nemo, problems, running, state_dict


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_good_model_passes(target: Path, form: int) -> None:
    assert scan_model(nemo(target, form=form)) == ()
    refuse_hostile(target)


def test_the_good_model_s_pickle_is_a_real_one() -> None:
    """The bytes in model_files are a real pickle, in which only torch is missing."""

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> object:
            if module.startswith("torch"):
                return lambda *given: (name, given)
            return super().find_class(module, name)

        def persistent_load(self, given: object) -> object:
            return given

    import io

    (weight,) = Reader(io.BytesIO(state_dict())).load().items()
    assert weight[0] == "weight"
    assert weight[1][0] == "_rebuild_tensor_v2"


def test_a_pinned_model_passes_by_its_checksum_whatever_the_scan_finds(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The published models could not be tried when this was written: no rule may refuse them."""
    nemo(target, config=CONFIG + "extra: {_target_: some.new.Thing}\n")
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    pinned = KnownModel("v9", NEMO, "a/b", (target.name,), sha256={target.name: digest})
    monkeypatch.setattr(model, "KNOWN", (pinned,))
    refuse_hostile(target)
    with target.open("ab") as stream:
        stream.write(b"\0")
    with pytest.raises(EngineUnavailable, match=r"some\.new\.Thing"):
        refuse_hostile(target)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(target: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    code = f"open({str(canary)!r}, 'w').close()"
    pickle.loads(running(code))
    assert canary.exists(), "the pickle runs code"
    canary.unlink()
    text = problems(nemo(target, weights=checkpoint(running(code))))
    assert "would import and could call" in text
    assert "exec" in text
    with pytest.raises(EngineUnavailable, match="was not loaded") as refused:
        refuse_hostile(target)
    assert refused.value.exit_code is ExitCode.ENGINE
    assert "--trust-model" in (refused.value.hint or "")
    for name in ("weights.ckpt", "weights.pt"):
        (tmp_path / name).write_bytes(checkpoint(running(code)))
        assert scan_model(tmp_path / name)
    (tmp_path / "weights.pkl").write_bytes(running(code))
    assert scan_model(tmp_path / "weights.pkl")
    assert not canary.exists()


def test_a_file_that_is_not_a_model_has_a_readable_problem(tmp_path: Path) -> None:
    (tmp_path / "noise.nemo").write_bytes(bytes(range(256)) * 40)
    assert "not a readable tar" in problems(tmp_path / "noise.nemo")
    (tmp_path / "empty.nemo").touch()
    assert problems(tmp_path / "empty.nemo")
    with pytest.raises(EngineUnavailable, match="can't be read"):
        scan_model(tmp_path / "missing.nemo")
    (tmp_path / "weights.safetensors").write_bytes(b"\0")
    assert "whatever its name says" in problems(tmp_path / "weights.safetensors")


def test_a_model_of_another_kind_is_refused_in_other_words_than_a_hostile_one(
    target: Path,
) -> None:
    canary = "nemo.collections.asr.models.aed_multitask_models.EncDecMultiTaskModel"
    own = "nemo.collections.asr.models.rnnt_bpe_models.EncDecRNNTBPEModel"
    nemo(target, config=CONFIG.replace(own, canary))
    assert scan_model(target) == ()
    with pytest.raises(EngineUnavailable, match="doesn't run models of its kind") as refused:
        refuse_hostile(target)
    assert canary in str(refused.value)
    assert "trust-model" not in (refused.value.hint or "")
    with pytest.raises(EngineUnavailable, match="doesn't run"), model.private_copy(target):
        pass
    nemo(target, config=CONFIG.replace(own, canary) + "extra: {_target_: os.system}\n")
    with pytest.raises(EngineUnavailable, match="could run code"), model.private_copy(target):
        pass
