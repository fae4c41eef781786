"""Reads compiled files as bytes: which NumPy they need and which GPU code they contain.

Nothing is loaded. An extension built against NumPy 2 headers contains the oldest NumPy it
runs on, in the text of its own error message; one built against NumPy 1 headers contains
the older message. GPU code is in the ELF section `.nv_fatbin`: a list of entries, each
with its kind (1 PTX, 2 cubin) and its architecture.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Iterator

from parakeet_cli.doctor.facts import Binaries, Kernels, NumpyAbi
from parakeet_cli.doctor.inspect.packages.distributions import Compiled
from parakeet_cli.doctor.inspect.scan_cache import Scan, ScanCache
from parakeet_cli.system.regular_files import open_regular

NUMPY2 = b"compiled against NumPy C-API version 0x%x (NumPy "
NUMPY1 = b"compiled against API version 0x%x but this version of numpy"
# Without a boundary in front: in torch 2.8.0+cu128 other text precedes the list without a gap.
ARCH_RUN = re.compile(rb"(?:(?:sm|compute)_\d{2,3}[af]?(?: |(?![0-9a-z_])))+")
ARCH_STARTS = (b"sm_", b"compute_")
GLIBCXX = re.compile(rb"GLIBCXX_3\.4\.(\d+)")
# Files this large without "python" in their name contain kernels, never NumPy's C-API.
LARGEST = 8 << 30  # bytes; torch's largest library has 3 GB
LARGE = 64 * 2**20

FATBIN_MAGIC = 0xBA55ED50
FATBIN_HEADER = struct.Struct("<IHHQ")
FATBIN_ENTRY = struct.Struct("<HHIQ")
ARCH_AT = 28
PTX, CUBIN = 1, 2


def scan_all(compiled: list[Compiled], cache: ScanCache) -> Binaries:
    """Scan every compiled file. The cache makes sure that an unchanged file is read only once."""
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
        total=len(compiled),
        cache_problem=cache.problem,
    )


def glibcxx_needed(compiled: list[Compiled], cache: ScanCache) -> tuple[int, str]:
    """The largest N of the GLIBCXX_3.4.N that the files need, and the file that needs it."""
    newest, by = 0, ""
    for file in compiled:
        if "/libstdc++" in file.path:
            continue  # a bundled copy defines these symbols, it doesn't need them
        try:
            needed = cache.get(file.path, scan).get("glibcxx", 0)
        except OSError:
            continue  # scan_all reports it
        if isinstance(needed, int) and needed > newest:
            newest, by = needed, file.path
    return newest, by


def _texts(found: Scan, key: str) -> tuple[str, ...]:
    values = found.get(key, ())
    return tuple(str(value) for value in values) if isinstance(values, (list, tuple)) else ()


def scan(path: str) -> Scan:
    """Which NumPy, C++ library and GPU code one file names. Raises OSError.

    Nothing is read of a file that is larger than any library is.
    """
    with open(open_regular(path), "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if not 0 < size <= LARGEST:
            return {}
        name = path.rpartition("/")[2]
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found: Scan = {}
            if size < LARGE or "python" in name:
                found = _scan_text(data[:], name)  # bytes.find is ten times faster than mmap.find
            return {**found, **_scan_kernels(data)}


def _scan_text(text: bytes, name: str) -> Scan:
    found: Scan = {}
    if minimum := _oldest_numpy(text):
        found["numpy"] = minimum
    if newest := max((int(match[1]) for match in GLIBCXX.finditer(text)), default=0):
        found["glibcxx"] = newest
    if name == "libtorch_python.so":
        found["arch"] = arch_list(text)
    return found


def _scan_kernels(data: mmap.mmap) -> Scan:
    entries = set(fatbin_entries(data))
    cubins = sorted(f"sm_{arch}" for kind, arch in entries if kind == CUBIN)
    ptx = sorted(f"compute_{arch}" for kind, arch in entries if kind == PTX)
    return {key: found for key, found in (("cubins", cubins), ("ptx", ptx)) if found}


def _oldest_numpy(text: bytes) -> str:
    """The oldest NumPy it runs on if built with NumPy 2 headers, "1" with NumPy 1, else ""."""
    at = text.find(NUMPY2)
    if at >= 0:
        start = at + len(NUMPY2)
        version = text[start : text.find(b")", start, start + 16)]
        if re.fullmatch(rb"\d+(\.\d+)*", version):
            return version.decode()
    return "1" if NUMPY1 in text else ""


def arch_list(text: bytes) -> list[str]:
    """torch's own list, TORCH_CUDA_ARCH_FLAGS: the longest run of architecture names.

    If no run has more than one name, every architecture that is named.
    """
    runs = [match[0].split() for start in ARCH_STARTS for match in _arch_runs(text, start)]
    longest = max(runs, key=len, default=[])
    named = longest if len(longest) > 1 else dict.fromkeys(flag for run in runs for flag in run)
    return [flag.decode() for flag in named]


def _arch_runs(text: bytes, start: bytes) -> Iterator[re.Match[bytes]]:
    """The runs that start with `start`. bytes.find is many times faster than re alone."""
    at = text.find(start)
    while at >= 0:
        match = ARCH_RUN.match(text, at)
        if match is not None:
            yield match
        at = text.find(start, at + 1 if match is None else match.end())


def fatbin_entries(data: mmap.mmap | bytes) -> Iterator[tuple[int, int]]:
    """(kind, architecture) of each entry in `.nv_fatbin`, if there is such a section."""
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
    """(start, end) of a section of a 64-bit little-endian ELF file, in bytes."""
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
        return None  # the header is truncated or invalid
    return None
