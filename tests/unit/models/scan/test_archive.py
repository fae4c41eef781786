from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from tests.model_files import checkpoint, member, nemo, problems, running


@pytest.mark.parametrize(
    "name",
    ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "..", "./../evil.txt", "..\\evil.txt"],
)
def test_a_member_outside_of_the_folder_is_refused(target: Path, name: str) -> None:
    assert "outside" in problems(nemo(target, more=[member(name, b"x")]))


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (tarfile.SYMTYPE, "link"),
        (tarfile.LNKTYPE, "link"),
        (tarfile.CHRTYPE, "neither"),
        (tarfile.BLKTYPE, "neither"),
        (tarfile.FIFOTYPE, "neither"),
    ],
)
def test_links_and_devices_are_refused(target: Path, kind: bytes, word: str) -> None:
    more = [member("vocab.txt", type=kind, linkname="/etc/passwd")]
    assert word in problems(nemo(target, more=more))


def test_a_link_that_a_later_member_would_write_through_is_refused(target: Path) -> None:
    more = [
        member("sub", type=tarfile.SYMTYPE, linkname="/tmp"),
        member("sub/evil.txt", b"x"),
    ]
    assert "link" in problems(nemo(target, more=more))


def test_a_huge_member_is_refused_without_being_read(target: Path) -> None:
    nemo(target)
    info = tarfile.TarInfo("huge.txt")
    info.size = 1 << 50
    data = target.read_bytes().rstrip(b"\0")
    data += b"\0" * (-len(data) % 512)
    target.write_bytes(data + info.tobuf(tarfile.GNU_FORMAT) + b"\0" * 512)
    assert "more than the file has" in problems(target) or "not a readable tar" in problems(target)


def test_a_header_that_asks_for_memory_is_refused(target: Path) -> None:
    """A pax header of 4 GB: tarfile would read it at once."""
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 4 << 30
    with target.open("wb") as stream:
        stream.write(info.tobuf(tarfile.USTAR_FORMAT))
        stream.truncate(9 << 30)  # a hole: it takes no room
    assert "bytes at once" in problems(target)


def test_not_all_of_a_hundred_thousand_members_are_read(target: Path) -> None:
    header = tarfile.TarInfo("a.txt").tobuf()
    nemo(target)
    target.write_bytes(header * 100_000 + target.read_bytes())
    assert "more than 1000 members" in problems(target)


def test_two_members_of_one_name_are_refused(target: Path) -> None:
    more = [member("model_config.yaml", b"target: os.system\n")]
    assert "twice" in problems(nemo(target, more=more))
    more = [member("./MODEL_config.yaml", b"target: os.system\n")]
    assert "twice" in problems(nemo(target, more=more))


@pytest.mark.parametrize(
    "name", ["hook.py", "lib.so", "data.pkl", "other.ckpt", "run.sh", "x.pth", "noend", "a/b.pyc"]
)
def test_a_member_that_could_be_code_is_refused(target: Path, name: str) -> None:
    assert "could be code" in problems(nemo(target, more=[member(name, b"x")]))


def test_a_compressed_archive_is_refused(target: Path) -> None:
    nemo(target)
    target.write_bytes(gzip.compress(target.read_bytes()))
    assert "compressed" in problems(target)


@pytest.mark.parametrize("missing", ["model_config.yaml", "model_weights.ckpt"])
def test_an_archive_without_config_or_weights_is_refused(target: Path, missing: str) -> None:
    other = nemo(target.with_name("whole.nemo"))
    with tarfile.open(other) as source, tarfile.open(target, "w") as archive:
        for info in source.getmembers():
            if not info.name.endswith(missing):
                archive.addfile(info, source.extractfile(info))
    assert f"has no {missing}" in problems(target)


def test_another_yaml_in_the_archive_follows_the_same_rules(target: Path) -> None:
    more = [member("./other.yaml", b"_target_: os.system\n")]
    assert "other.yaml, _target_: names 'os.system'" in problems(nemo(target, more=more))


def test_the_second_weights_of_a_canary_follow_the_same_rules(target: Path, tmp_path: Path) -> None:
    name = "timestamps_asr_model_weights.ckpt"
    assert not problems(nemo(target, more=[member(name, checkpoint())]))
    hostile = checkpoint(running(f"open({str(tmp_path / 'canary')!r}, 'w').close()"))
    assert name in problems(nemo(target, more=[member(name, hostile)]))
    assert "could be code" in problems(nemo(target, more=[member(f"x{name}", checkpoint())]))
