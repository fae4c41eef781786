"""The strict reader of archives, against Python's own."""

from __future__ import annotations

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parakeet_cli.models.scan.tar import MemberFile, TarError, read_members
from tests.model_files import member

FILES = {"./a.txt": b"first", "./b.txt": b"", "./c.txt": bytes(range(256)) * 5}


def archive(form: int = tarfile.PAX_FORMAT, **fields: object) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:", format=form) as tar:
        tar.addfile(member("./", type=tarfile.DIRTYPE)[0])
        for name, content in FILES.items():
            info, _ = member(name, content, mtime=1795487549.25, **fields)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def strictly(data: bytes) -> dict[str, bytes]:
    stream = io.BytesIO(data)
    return {
        one.name: MemberFile(stream, one.offset, one.size).read()
        for one in read_members(stream, len(data))
        if not one.folder
    }


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_it_reads_what_tarfile_writes(form: int) -> None:
    assert strictly(archive(form)) == FILES


def test_a_gnu_archive_with_a_long_name_and_a_posix_one_with_a_prefix_are_refused() -> None:
    for form in (tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:", format=form) as tar:
            tar.addfile(tarfile.TarInfo("d" * 90 + "/" + "f" * 60))
        with pytest.raises(TarError):
            strictly(stream.getvalue())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda data: data + b"\0" * 511 + b"x", "follows its end"),
        (lambda data: data.rstrip(b"\0"), "without an end mark|behind the end"),
        (lambda data: data[:700], "behind the end|without an end mark|more than"),
        (lambda data: data.replace(b"ustar", b"USTAR", 1), "not a tar's"),
        (lambda data: data.replace(b"./a.txt", b"./x.txt", 1), "checksum"),
        (lambda data: data.replace(b"first\0", b"first!", 1), "between two members"),
        (lambda _: b"", "without an end mark"),
    ],
)
def test_what_readers_could_read_differently_is_refused(change: object, word: str) -> None:
    assert callable(change)
    with pytest.raises(TarError, match=word):
        strictly(change(archive()))


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=12))
def test_a_changed_archive_is_refused_or_read_as_tarfile_reads_it(at: int, new: bytes) -> None:
    data = bytearray(archive())
    at %= len(data)
    data[at : at + len(new)] = new[: len(data) - at]
    try:
        found = strictly(bytes(data))
    except TarError:
        return
    with tarfile.open(fileobj=io.BytesIO(bytes(data)), mode="r:") as tar:
        expected = {
            one.name: stream.read() for one in tar if (stream := tar.extractfile(one)) is not None
        }
    assert found == expected
