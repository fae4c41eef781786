"""Fuzzes the scan of a model: it never crashes, and nothing passes that it didn't read."""

from __future__ import annotations

import io
import pickle
import random
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parakeet_cli.models.scan.allowlist import GLOBALS, TARGETS
from parakeet_cli.models.scan.configuration import scan_yaml
from parakeet_cli.models.scan.instructions import scan_pickle
from parakeet_cli.models.scan.model import scan_model
from tests.model_files import CONFIG, checkpoint, nemo, running, state_dict

CANARY = "raise SystemExit('code of the model ran')"
WHOLE = 300
SOAK = 20_000

_TOKENS = [
    *("_target_", "target", "cls", "os.system", "nemo.collections.asr.modules.RNNTJoint"),
    *("&a", "*a", "<<", "!!python/name:os.system", "!x", "${oc.env:A}", "${a.b}", "\\${"),
    *("{", "}", "[", "]", ":", ",", "- ", "? ", "|", ">", "'", '"', "#", "%", "---", "...", "\n"),
    *("  ", " ", "a", "1", "~", "\t", "\u2028", "\x85", "\ufeff", "\\x00", "é"),
]


def targets(node: Any) -> list[Any]:
    """The targets that Hydra would find, by another reader than the scan's."""
    if isinstance(node, dict):
        own = [node[key] for key in ("_target_", "target", "cls") if key in node]
        return own + [one for value in node.values() for one in targets(value)]
    if isinstance(node, list):
        return [one for value in node for one in targets(value)]
    return []


def check_yaml(text: str) -> None:
    problems = list(scan_yaml(text.encode("utf-8", "surrogatepass"), "x"))
    if problems:
        assert all(one.where and one.what for one in problems)
        return
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return  # an unhashable key or an invalid date: NeMo fails on it too
    assert set(targets(content)) <= TARGETS


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(_TOKENS), max_size=60).map("".join))
def test_the_scan_agrees_with_another_yaml_reader_on_any_text(text: str) -> None:
    check_yaml(text)
    check_yaml(CONFIG + text)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300), st.integers(0, 200))
def test_a_pickle_that_passes_imports_nothing_else(data: bytes, at: int) -> None:
    check_pickle(data)
    good = state_dict()
    check_pickle(good[:at] + data + good[at:])


def check_pickle(data: bytes) -> None:
    """Load a pickle that passes, with a reader that fails on any other import."""
    if list(scan_pickle(data, "x")):
        return

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> object:
            assert (module, name) in GLOBALS
            return lambda *_: {}

        def persistent_load(self, given: object) -> object:
            return given

    try:
        Reader(io.BytesIO(data)).load()
    except AssertionError:
        raise
    except Exception:
        return  # it can't be loaded, which is harmless


def mutated(good: bytes, chance: random.Random) -> bytes:
    """Bytes changed, cut, doubled or moved, or a live pickle inserted."""
    data = bytearray(good)
    for _ in range(chance.randint(1, 4)):
        at, end = sorted(chance.randrange(len(data) + 1) for _ in "ab")
        piece = data[at : min(end, at + chance.choice((1, 8, 512, 4096)))]
        kind = chance.randrange(6)
        if kind == 0 and at < len(data):
            data[at] = chance.randrange(256)
        elif kind == 1:
            del data[at : at + len(piece)]
        elif kind == 2:
            data[at:at] = piece
        elif kind == 3:
            data[end:end] = piece
        elif kind == 4:
            data[at:at] = running(CANARY)
        else:
            data[at : at + 12] = b"7" * 12
        data = data or bytearray(b"\0")
    return bytes(data)


def check_model(data: bytes, path: Path) -> bool:
    """Whether it passed; if so, it is opened as NeMo does, and its parts are checked."""
    path.write_bytes(data)
    if scan_model(path):
        return False
    with tarfile.open(path, "r:") as archive:
        members = {Path(one.name).name: one for one in archive.getmembers() if one.isfile()}
        config = archive.extractfile(members["model_config.yaml"])
        weights = archive.extractfile(members["model_weights.ckpt"])
        assert config is not None
        assert weights is not None
        assert set(targets(yaml.safe_load(config.read().decode()))) <= TARGETS
        with zipfile.ZipFile(weights) as inner:
            check_pickle(inner.read("model_weights/data.pkl"))
    return True


def run(count: int, folder: Path) -> None:
    path = folder / "model.nemo"
    good = nemo(path).read_bytes()
    live = nemo(path, weights=checkpoint(running(CANARY))).read_bytes()
    passed = 0
    for seed in range(count):
        chance = random.Random(seed)
        passed += check_model(mutated(good, chance), path)
        assert not check_model(live, path)
        check_model(mutated(live, chance), path)
    assert 0 < passed < count


@pytest.mark.slow
def test_a_mutated_model_never_crashes_the_scan_and_never_gets_code_past_it(tmp_path: Path) -> None:
    run(WHOLE, tmp_path)


@pytest.mark.soak
def test_many_mutated_models(tmp_path: Path) -> None:
    run(SOAK, tmp_path)
