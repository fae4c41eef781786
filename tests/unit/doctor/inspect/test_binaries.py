"""Compiled files read as bytes, and the cache that spares reading them twice."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import pytest

from parakeet_cli.doctor.inspect.binaries import arch_list, fatbin_entries, scan, scan_all
from parakeet_cli.doctor.inspect.distributions import Compiled
from parakeet_cli.doctor.inspect.scan_cache import Scan, ScanCache

NUMPY2 = b"\x7fELF..module was compiled against NumPy C-API version 0x%x (NumPy 1.23) but the"
NUMPY1 = b"\x7fELF..module compiled against API version 0x%x but this version of numpy is 0x%x"


def fatbin(*entries: tuple[int, int]) -> bytes:
    """One fat binary: (kind, architecture) with 8 bytes of code each."""
    body = b""
    for kind, arch in entries:
        body += struct.pack("<HHIQ", kind, 0, 64, 8) + b"\0" * 12 + struct.pack("<I", arch)
        body += b"\0" * 32 + b"kernel!!"
    return struct.pack("<IHHQ", 0xBA55ED50, 1, 16, len(body)) + body


def elf(section: bytes) -> bytes:
    """A 64-bit ELF file with one section, `.nv_fatbin`."""
    names = b"\0.nv_fatbin\0.shstrtab\0"
    at = 64
    names_at = at + len(section)
    table = names_at + len(names)
    header = b"\x7fELF\x02\x01" + b"\0" * 34 + struct.pack("<Q", table)
    header += b"\0" * 10 + struct.pack("<HHH", 64, 3, 2)

    def entry(name: int, offset: int, size: int) -> bytes:
        return struct.pack("<IIQQQQ", name, 1, 0, 0, offset, size) + b"\0" * 24

    sections = entry(0, 0, 0) + entry(1, at, len(section)) + entry(12, names_at, len(names))
    return header + section + names + sections


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (NUMPY2, "1.23"),
        (NUMPY2.replace(b"1.23", b"2.0"), "2.0"),
        (NUMPY1, "1"),
        (NUMPY2 + NUMPY1, "1.23"),
        (NUMPY2.replace(b"1.23", b"\xff\xff"), None),
        (b"\x7fELF nothing of NumPy", None),
        (b"", None),
    ],
)
def test_the_numpy_an_extension_was_built_for_is_in_its_text(
    content: bytes, expected: str | None, tmp_path: Path
) -> None:
    (tmp_path / "x.so").write_bytes(content)
    assert scan(str(tmp_path / "x.so")).get("numpy") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # As found in libtorch_python.so of the wheels 2.8.0+cu128 and 2.6.0+cu124.
        (
            b"std::string ipc_hsm_70 sm_75 sm_80 sm_86 sm_90 sm_100 sm_120\0\0\0/pytorch/torch/",
            ["sm_70", "sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120"],
        ),
        (
            b"CUDAGraphsC10Utils.h\0\0sm_50 sm_60 sm_70 sm_75 sm_80 sm_86 sm_90\0\0/pytorch",
            ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"],
        ),
        (b"needs sm_90 or so\0sm_75 sm_80 compute_80\0", ["sm_75", "sm_80", "compute_80"]),
        (b"\0sm_90a\0", ["sm_90a"]),
        (b"\0sm_80\0sm_90\0sm_80\0", ["sm_80", "sm_90"]),
        (b"a mechanism_x and sm_ alone", []),
        (b"", []),
    ],
)
def test_torchs_own_list_is_the_longest_run(text: bytes, expected: list[str]) -> None:
    assert arch_list(text) == expected


def test_gpu_code_is_read_from_its_section(tmp_path: Path) -> None:
    section = fatbin((2, 80), (2, 90)) + b"\0" * 8 + fatbin((1, 90))
    data = elf(section)
    assert list(fatbin_entries(data)) == [(2, 80), (2, 90), (1, 90)]
    (tmp_path / "x.so").write_bytes(data)
    found = scan(str(tmp_path / "x.so"))
    assert (found["cubins"], found["ptx"]) == (["sm_80", "sm_90"], ["compute_90"])


@pytest.mark.parametrize("length", [0, 10, 63, 70, 150, 300])
def test_a_truncated_library_has_no_gpu_code_and_no_crash(length: int) -> None:
    list(fatbin_entries(elf(fatbin((2, 80), (2, 90)))[:length]))


def test_a_header_of_senseless_numbers_has_no_gpu_code() -> None:
    assert list(fatbin_entries(b"\x7fELF\x02\x01" + b"\0" * 40 + b"\x80" + b"\0" * 20)) == []
    assert list(fatbin_entries(b"\x7fELF\x02\x01" + b"\xff" * 100)) == []


def test_rubbish_in_the_section_ends(tmp_path: Path) -> None:
    loop = struct.pack("<IHHQ", 0xBA55ED50, 1, 16, 80) + struct.pack("<HHIQ", 2, 0, 0, 0) * 5
    assert list(fatbin_entries(elf(loop))) == []


def test_what_packages_say_is_gathered_with_their_names(tmp_path: Path) -> None:
    for name, content in {"a.so": NUMPY1, "n.so": NUMPY2, "k.so": elf(fatbin((2, 90)))}.items():
        (tmp_path / name).write_bytes(content)
    compiled = [
        Compiled(str(tmp_path / "a.so"), "a"),
        Compiled(str(tmp_path / "n.so"), "numpy"),
        Compiled(str(tmp_path / "k.so"), "k"),
        Compiled(str(tmp_path / "gone.so"), "gone"),
    ]
    found = scan_all(compiled, ScanCache("/env", tmp_path / "cache"))
    assert [(abi.package, abi.minimum) for abi in found.numpy] == [("a", None)]
    assert [(k.package, k.cubins) for k in found.kernels] == [("k", ("sm_90",))]
    assert found.unreadable == (f"{tmp_path / 'gone.so'}: No such file or directory",)


# The cache


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, path: str) -> Scan:
        self.calls += 1
        return {"numpy": Path(path).read_text()}


def test_a_file_is_scanned_once_as_long_as_it_stays_the_same(tmp_path: Path) -> None:
    file = tmp_path / "x.so"
    file.write_text("1.23")
    counting = Counting()
    for _ in range(3):
        cache = ScanCache("/env", tmp_path / "cache")
        assert cache.get(str(file), counting) == {"numpy": "1.23"}
        cache.save()
    assert counting.calls == 1
    os.utime(file, ns=(1, 1))
    assert ScanCache("/env", tmp_path / "cache").get(str(file), counting) == {"numpy": "1.23"}
    assert counting.calls == 2


def test_a_file_put_in_anothers_place_is_another(tmp_path: Path) -> None:
    """Size and time can be equal; the inode is not."""
    file, other = tmp_path / "x.so", tmp_path / "y.so"
    file.write_text("1.23")
    other.write_text("1.26")
    for path in (file, other):
        os.utime(path, ns=(10**18, 10**18))
    counting = Counting()
    cache = ScanCache("/env", tmp_path / "cache")
    cache.get(str(file), counting)
    cache.save()
    other.rename(file)
    again = ScanCache("/env", tmp_path / "cache")
    assert again.get(str(file), counting) == {"numpy": "1.26"}


def test_environments_keep_their_scans_apart(tmp_path: Path) -> None:
    file = tmp_path / "x.so"
    file.write_text("1.23")
    for prefix in ("/one", "/two"):
        cache = ScanCache(prefix, tmp_path / "cache")
        cache.get(str(file), Counting())
        cache.save()
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("content", ["", "not json", "[]", '{"schema": 0}', '{"files": 3}'])
def test_a_damaged_cache_is_made_anew(content: str, tmp_path: Path) -> None:
    file = tmp_path / "x.so"
    file.write_text("1.23")
    cache = ScanCache("/env", tmp_path / "cache")
    cache.get(str(file), Counting())
    cache.save()
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_text(content)
    again = ScanCache("/env", tmp_path / "cache")
    counting = Counting()
    again.get(str(file), counting)
    again.save()
    assert counting.calls == 1
    assert json.loads(kept.read_text())["files"]


def test_a_cache_that_cant_be_written_says_so_and_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    file = tmp_path / "x.so"
    file.write_text("1.23")
    cache = ScanCache("/env", tmp_path / "file" / "cache")
    assert cache.get(str(file), Counting()) == {"numpy": "1.23"}
    cache.save()
    assert "can't be" in cache.problem
