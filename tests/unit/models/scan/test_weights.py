from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from parakeet_cli.models.scan.model import scan_model
from tests.model_files import checkpoint, nemo, problems, running, state_dict


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "STACK_GLOBAL"),
        (b"(S'true'\nios\nsystem\n.", "INST"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"cos\nsystem\n(S'true'\ntR.", "os system"),
        (b"ctorch.storage\n_load_from_bytes\n.", "_load_from_bytes"),
        (b"ccollections OrderedDict\nx\n.", "OrderedDict x"),
        (b"cbuiltins\ngetattr\n.", "getattr"),
        (b"\x80\x02}\x94\x92.", "NEWOBJ_EX"),
        (b"\x80\x02P1\n.", "PERSID"),
        (b"\x80\x02}", "damaged"),
        (b"", "damaged"),
        (b"\xff\xff", "damaged"),
    ],
)
def test_every_way_to_name_a_function_is_found(target: Path, data: bytes, word: str) -> None:
    assert word in problems(nemo(target, weights=checkpoint(data)))


def test_a_checkpoint_with_more_than_weights_is_refused(target: Path) -> None:
    script = {"model_weights/code/__torch__.py": b"import os"}
    assert "isn't part of a state_dict" in problems(nemo(target, weights=checkpoint(more=script)))
    constants = {"model_weights/constants.pkl": state_dict()}
    assert "constants.pkl" in problems(nemo(target, weights=checkpoint(more=constants)))
    second = {"other/data.pkl": running("pass")}
    assert "not one state_dict" in problems(nemo(target, weights=checkpoint(more=second)))
    escaping = {"model_weights/../../x": b""}
    assert "isn't part" in problems(nemo(target, weights=checkpoint(more=escaping)))
    packed = checkpoint(compression=zipfile.ZIP_DEFLATED)
    assert "compressed" in problems(nemo(target, weights=packed))
    assert "zip form" in problems(nemo(target, weights=state_dict()))
    assert "zip form" in problems(nemo(target, weights=b""))


def test_two_directories_in_one_zip_are_refused(target: Path) -> None:
    """Python would scan one of them, and torch would load the other."""
    good, bad = checkpoint(), checkpoint(running("pass"))
    for weights in (good + bad, bad + good, good + b"tail", good[:-22] + b"\0" * 9 + good[-22:]):
        assert scan_model(nemo(target, weights=weights)), len(weights)
    with_comment = good[:-2] + len(bad).to_bytes(2, "little") + bad
    assert scan_model(nemo(target, weights=with_comment))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_pickles_of_one_name_are_refused(target: Path) -> None:
    twice = checkpoint(more={"model_weights/data.pkl": running("pass")})
    assert "twice" in problems(nemo(target, weights=twice))
