"""Compiled files, read as bytes: the NumPy they want, the GPU code they carry.

Nothing is loaded. An extension built against NumPy 2 headers holds the oldest NumPy it
runs on in the text of its own error message; one built against NumPy 1 headers holds the
older message. GPU code lies in the ELF section `.nv_fatbin` as a row of entries, each
with its kind (1 PTX, 2 cubin) and its architecture.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterator

from parakeet_cli.doctor.facts import Binaries, Kernels, NumpyAbi
from parakeet_cli.doctor.inspect.distributions import Compiled
from parakeet_cli.doctor.inspect.scan_cache import Scan, ScanCache

NUMPY2 = b"compiled against NumPy C-API version 0x%x (NumPy "
NUMPY1 = b"compiled against API version 0x%x but this version of numpy"
# No boundary before it: in torch 2.8.0+cu128 the list follows another text without a gap.
ARCH_RUN = re.compile(rb"(?:(?:sm|compute)_\d{2,3}[af]?(?: |(?![0-9a-z_])))+")
ARCH_STARTS = (b"sm_", b"compute_")
GLIBCXX = re.compile(rb"GLIBCXX_3\.4\.(\d+)")
# Libraries this large that don't say "python" hold kernels, never NumPy's C-API.
LARGE = 64 * 2**20

FATBIN_MAGIC = 0xBA55ED50
FATBIN_HEADER = struct.Struct("<IHHQ")
FATBIN_ENTRY = struct.Struct("<HHIQ")
ARCH_AT = 28
PTX, CUBIN = 1, 2


def scan_all(compiled: list[Compiled], cache: ScanCache) -> Binaries:
    """What every compiled file says, each read at most once in its life."""
    numpy: list[NumpyAbi] = []
    kernels: list[Kernels] = []
    unreadable: list[str] = []
    for file in compiled:
        try:
            found = cache.get(file.path, scan)
        except OSError as error:
            unreadable.append(f"{file.path}: {error.strerror or error}")
            continue
        if "numpy" in found and file.package != "numpy":
            minimum = str(found["numpy"])
            numpy.append(NumpyAbi(file.path, file.package, None if minimum == "1" else minimum))
        if "cubins" in found or "ptx" in found:
            kernels.append(
                Kernels(file.package, file.path, _texts(found, "cubins"), _texts(found, "ptx"))
            )
    return Binaries(
        numpy=tuple(numpy),
        kernels=tuple(kernels),
        unreadable=tuple(unreadable),
        seen=len(compiled),
        cache_problem=cache.problem,
    )


def glibcxx_needed(compiled: list[Compiled], cache: ScanCache) -> tuple[int, str]:
    """The newest GLIBCXX_3.4.N that a file asks for, and which one asks."""
    newest, by = 0, ""
    for file in compiled:
        if "/libstdc++" in file.path:
            continue  # a bundled copy defines them, it does not ask for them
        try:
            asked = cache.get(file.path, scan).get("glibcxx", 0)
        except OSError:
            continue  # named by scan_all
        if isinstance(asked, int) and asked > newest:
            newest, by = asked, file.path
    return newest, by


def _texts(found: Scan, key: str) -> tuple[str, ...]:
    values = found.get(key, ())
    return tuple(str(value) for value in values) if isinstance(values, (list, tuple)) else ()


def scan(path: str) -> Scan:
    """One file's NumPy, C++ library and GPU code. Raises OSError."""
    found: Scan = {}
    with open(path, "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size == 0:
            return found
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            name = path.rpartition("/")[2]
            if size < LARGE or "python" in name:
                text = data[:]  # bytes.find is ten times faster than mmap.find
                if minimum := _numpy(text):
                    found["numpy"] = minimum
                if newest := max((int(m[1]) for m in GLIBCXX.finditer(text)), default=0):
                    found["glibcxx"] = newest
                if name == "libtorch_python.so":
                    found["arch"] = arch_list(text)
                del text
            cubins, ptx = set[str](), set[str]()
            for kind, arch in fatbin_entries(data):
                (cubins if kind == CUBIN else ptx).add(
                    f"sm_{arch}" if kind == CUBIN else f"compute_{arch}"
                )
            if cubins:
                found["cubins"] = sorted(cubins)
            if ptx:
                found["ptx"] = sorted(ptx)
    return found


def _numpy(text: bytes) -> str:
    """ "1.23" for NumPy 2 headers (the oldest it runs on), "1" for NumPy 1 headers."""
    at = text.find(NUMPY2)
    if at >= 0:
        start = at + len(NUMPY2)
        version = text[start : text.find(b")", start, start + 16)]
        if re.fullmatch(rb"\d+(\.\d+)*", version):
            return version.decode()
    return "1" if NUMPY1 in text else ""


def arch_list(text: bytes) -> list[str]:
    """torch's own list, TORCH_CUDA_ARCH_FLAGS: the longest run of architectures.

    Without a run of several, every architecture that is named.
    """
    runs = [match[0].split() for start in ARCH_STARTS for match in _arch_runs(text, start)]
    longest = max(runs, key=len, default=[])
    named = longest if len(longest) > 1 else dict.fromkeys(flag for run in runs for flag in run)
    return [flag.decode() for flag in named]


def _arch_runs(text: bytes, start: bytes) -> Iterator[re.Match[bytes]]:
    """The runs that begin so. Sought by their first letters, many times faster than by re."""
    at = text.find(start)
    while at >= 0:
        match = ARCH_RUN.match(text, at)
        if match is not None:
            yield match
        at = text.find(start, at + 1 if match is None else match.end())


def fatbin_entries(data: mmap.mmap | bytes) -> Iterator[tuple[int, int]]:
    """(kind, architecture) of each entry in `.nv_fatbin`; nothing where there is none."""
    section = _section(data, b".nv_fatbin")
    if section is None:
        return
    at, end = section
    while at + FATBIN_HEADER.size <= end:
        magic, _, header, size = FATBIN_HEADER.unpack_from(data, at)
        if magic != FATBIN_MAGIC:
            at += 8  # padding between fat binaries
            continue
        entry, stop = at + header, min(at + header + size, end)
        while entry + ARCH_AT + 4 <= stop:
            kind, _, entry_header, entry_size = FATBIN_ENTRY.unpack_from(data, entry)
            (arch,) = struct.unpack_from("<I", data, entry + ARCH_AT)
            if kind in (PTX, CUBIN) and 20 <= arch <= 999:
                yield kind, arch
            if entry_header + entry_size <= 0:
                break
            entry += entry_header + entry_size
        at = stop


def _section(data: mmap.mmap | bytes, name: bytes) -> tuple[int, int] | None:
    """Where a section of a 64-bit little-endian ELF file lies: (start, end)."""
    if len(data) < 64 or data[:6] != b"\x7fELF\x02\x01":
        return None
    try:
        (table,) = struct.unpack_from("<Q", data, 0x28)
        entry_size, count, names_at = struct.unpack_from("<HHH", data, 0x3A)
        (names,) = struct.unpack_from("<Q", data, table + names_at * entry_size + 0x18)
        for index in range(count):
            at = table + index * entry_size
            (name_at,) = struct.unpack_from("<I", data, at)
            start = names + name_at
            if data[start : start + len(name) + 1] == name + b"\0":
                offset, size = struct.unpack_from("<QQ", data, at + 0x18)
                return offset, min(offset + size, len(data))
    except (struct.error, OverflowError):
        return None  # a truncated or senseless header has no sections to find
    return None
