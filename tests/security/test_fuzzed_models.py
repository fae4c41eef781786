"""Fuzzes the readers of models: a seeded share always runs, a long one in the soak."""

from __future__ import annotations

import io
import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from parakeet_cli.models.scan.configuration import scan_yaml
from parakeet_cli.models.scan.instructions import scan_pickle
from parakeet_cli.models.scan.model import scan_model
from parakeet_cli.models.scan.tar import MemberFile, TarError, read_members
from tests.model_files import CONFIG, nemo, running, state_dict
from tests.security.hostile_models import PICKLES

SHARE, SOAK = 30_000, 1_000_000
_LINES = [
    "model_path: /etc/passwd", "key_phrases_file: x", "ngram_lm_model: x", "dir: /etc",
    "<<: *a", "&a", "tokenizer:", "boosting_tree:", "decoding:", "? model_path\n: x",
    '"model\\u005fpath": /x', "!!str model_path: /x", "train_ds:", "{model_path: /x}",
    "${a}", "- model_path: /x", "vocab_path: nemo:../x", "langs:", "en:",
]  # fmt: skip


def mutated(data: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """Bytes changed, taken out, doubled, or replaced by a part of another input."""
    changed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(changed) + 1)
        length = chance.choice((1, 2, 8, 512))
        other = chance.choice(others)
        start = chance.randrange(len(other) + 1)
        changed[at : at + chance.choice((0, length))] = chance.choice(
            (chance.randbytes(length), b"", other[start : start + length], bytes(length))
        )
    return bytes(changed)


def check_pickle(count: int) -> None:
    """What passes looks no other function up: Python's own reader says which it would."""
    chance = random.Random(18)
    others = [state_dict(), running("pass"), *PICKLES.values()]
    for _ in range(count):
        data = mutated(chance.choice(others), others, chance)
        if not list(scan_pickle(data, "x")):
            assert b"exec" not in data or b"__builtin__" not in data
            assert b"os\nsystem" not in data


def check_archive(count: int) -> None:
    """What passes is what Python's tarfile reads too, to the byte."""
    chance = random.Random(18)
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:", format=tarfile.PAX_FORMAT) as archive:
        for name in ("./a.txt", "./b.txt"):
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 700, 1.5
            archive.addfile(info, io.BytesIO(bytes([65]) * 700))
    data = stream.getvalue()
    for _ in range(count):
        changed = mutated(data, [data], chance)
        try:
            found = dict(_strictly(changed))
        except TarError:
            continue
        with tarfile.open(fileobj=io.BytesIO(changed), mode="r:") as archive:
            read = [(one.name, archive.extractfile(one)) for one in archive]
        assert found == {name: file.read() for name, file in read if file is not None}


def _strictly(data: bytes) -> Iterator[tuple[str, bytes]]:
    stream = io.BytesIO(data)
    for one in read_members(stream, len(data)):
        if not one.folder:
            yield one.name, MemberFile(stream, one.offset, one.size).read()


def check_yaml(count: int) -> None:
    """What passes has no file key outside of its tokenizer, by PyYAML's own reading."""
    chance = random.Random(18)
    lines = [*CONFIG.splitlines(), *_LINES]
    for _ in range(count):
        chosen = [
            " " * chance.choice((0, 2, 4)) + chance.choice(lines)
            for _ in range(chance.randint(1, 8))
        ]
        text = "\n".join(chosen)
        if list(scan_yaml(text.encode(), "x", frozenset(["0a_tokenizer.model"]))):
            continue
        try:
            content = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError):
            continue
        assert not list(_files(content, "")), text


def _files(node: Any, path: str) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            inside = f"{path}.{key}".lstrip(".")
            keyed = key in ("model_path", "key_phrases_file", "ngram_lm_model", "vocab_path")
            if keyed and value and value not in ("nemo:0a_tokenizer.model", "???"):
                yield inside
            yield from _files(value, inside)
    elif isinstance(node, list):
        for value in node:
            yield from _files(value, path)


def check_scan(count: int, folder: Path) -> None:
    """A whole model, changed anywhere, is scanned to an end without an error."""
    chance = random.Random(18)
    model = nemo(folder / "m.nemo")
    data = model.read_bytes()
    for _ in range(count):
        model.write_bytes(mutated(data, [data, running("pass")], chance))
        scan_model(model)


CHECKS: dict[str, Callable[[int], None]] = {
    "pickle": check_pickle, "archive": check_archive, "yaml": check_yaml,
}  # fmt: skip


@pytest.mark.parametrize("kind", CHECKS)
def test_changed_inputs_are_refused_or_read_as_others_read_them(kind: str) -> None:
    CHECKS[kind](SHARE)


def test_a_changed_model_is_scanned_without_an_error(tmp_path: Path) -> None:
    check_scan(SHARE // 10, tmp_path)


@pytest.mark.soak
@pytest.mark.parametrize("kind", CHECKS)
def test_many_changed_inputs_are_refused_or_read_as_others_read_them(kind: str) -> None:
    CHECKS[kind](SOAK)


@pytest.mark.soak
def test_many_changed_models_are_scanned_without_an_error(tmp_path: Path) -> None:
    check_scan(SOAK // 10, tmp_path)
