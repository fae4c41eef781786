from __future__ import annotations

import struct
from pathlib import Path

import pytest

from parakeet_cli.doctor.inspect.binaries import arch_list, fatbin_entries, scan, scan_all
from parakeet_cli.doctor.inspect.packages.distributions import Compiled
from parakeet_cli.doctor.inspect.scan_cache import ScanCache

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
def test_the_numpy_an_extension_was_built_for_is_read_from_its_text(
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
def test_a_truncated_library_does_not_crash_the_scan(length: int) -> None:
    list(fatbin_entries(elf(fatbin((2, 80), (2, 90)))[:length]))


def test_an_invalid_header_has_no_gpu_code() -> None:
    assert list(fatbin_entries(b"\x7fELF\x02\x01" + b"\0" * 40 + b"\x80" + b"\0" * 20)) == []
    assert list(fatbin_entries(b"\x7fELF\x02\x01" + b"\xff" * 100)) == []


def test_an_endless_section_is_left(tmp_path: Path) -> None:
    loop = struct.pack("<IHHQ", 0xBA55ED50, 1, 16, 80) + struct.pack("<HHIQ", 2, 0, 0, 0) * 5
    assert list(fatbin_entries(elf(loop))) == []


def test_results_have_the_names_of_their_packages(tmp_path: Path) -> None:
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
