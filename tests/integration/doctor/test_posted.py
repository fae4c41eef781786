"""Failures that pip, Python and the system make here, matched by what they really print.

Each case runs a command that fails, without a network, and gives its output to `match`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from parakeet_cli.doctor.explain.catalogue import posted
from parakeet_cli.doctor.explain.match import match
from tests.integration.doctor.fake_stack import Wheel

pytestmark = pytest.mark.slow

PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")


def output(*command: str, folder: Path, **variables: str) -> str:
    """What a command that fails prints. The person's own configuration isn't read."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            **variables,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode != 0, done.stdout
    return done.stdout


def python(folder: Path, script: str, name: str = "script.py") -> str:
    """What a script of a person's own prints when it fails."""
    (folder / name).write_text(textwrap.dedent(script))
    return output(sys.executable, name, folder=folder)


def offline(folder: Path, *arguments: str) -> str:
    """pip with a folder of wheels alone."""
    options = ("--dry-run", "--no-index", "--find-links", str(folder))
    return output(*PIP, "install", *options, *arguments, folder=folder)


def wheel_of_another_system(folder: Path) -> str:
    (folder / "torch-1.11.0-cp37-cp37m-win_amd64.whl").touch()
    return offline(folder, "./torch-1.11.0-cp37-cp37m-win_amd64.whl")


def no_torch_at_all(folder: Path) -> str:
    return offline(folder, "torch==2.4.1")


def no_file(folder: Path) -> str:
    return offline(folder, "nemo-toolkit[asr]==2.4.0")


def another_torch(folder: Path) -> str:
    (folder / "torch-2.2.0-py3-none-any.whl").touch()
    return offline(folder, "torch==1.13.1")


def changed_download(folder: Path) -> str:
    Wheel("tiny", "1.0").build(folder)
    (folder / "r.txt").write_text(f"tiny==1.0 --hash=sha256:{'a' * 64}\n")
    return offline(folder, "-r", "r.txt")


def no_solution(folder: Path) -> str:
    for name, bound in (("one", "<2"), ("two", ">=2")):
        Wheel(name, "1.0", (f"shared{bound}",)).build(folder)
    for version in ("1.0", "2.0"):
        Wheel("shared", version).build(folder)
    return offline(folder, "one", "two")


def environment(folder: Path, *options: str) -> str:
    """The Python of a new environment."""
    subprocess.run([sys.executable, "-m", "venv", *options, "env"], cwd=folder, check=True)
    return str(folder / "env" / "bin" / "python")


def broken_bound(folder: Path) -> str:
    own = environment(folder)
    first = Wheel("needs-protobuf", "1.0", ("protobuf<6",)).build(folder)
    second = [Wheel("protobuf", version).build(folder) for version in ("5.29.6", "7.1.0")]
    pip = [own, "-m", "pip", "--disable-pip-version-check", "install", "--no-index"]
    subprocess.run([*pip, "-q", str(first), str(second[0])], cwd=folder, check=True)
    command = ["sh", "-c", '"$@"; exit 1', "sh", *pip, str(second[1])]
    return output(*command, folder=folder)


def no_pip(folder: Path) -> str:
    return output(environment(folder, "--without-pip"), "-m", "pip", "list", folder=folder)


def from_index(folder: Path, index: str) -> str:
    command = (*PIP, "install", "--dry-run", "--index-url", index, "nemo-toolkit")
    return output(*command, folder=folder, PIP_RETRIES="1")


def no_name_server(folder: Path) -> str:
    return from_index(folder, "https://no-such-index.invalid/simple")


def own_certificate(folder: Path) -> str:
    """An index whose certificate nobody signed."""
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "k.pem",
            "-out",
            "c.pem",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    serve = """
        import http.server, ssl
        server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("c.pem", "k.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
        print(server.server_port, flush=True)
        server.serve_forever()
    """
    command = [sys.executable, "-c", textwrap.dedent(serve)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline())
        try:
            return from_index(folder, f"https://localhost:{port}/simple")
        finally:
            server.kill()


def built_with(statement: str, name: str = "made-up") -> Callable[[Path], str]:
    """pip builds a package whose own backend fails in this statement."""

    def build(folder: Path) -> str:
        source = folder / "source"
        source.mkdir()
        (source / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            f'[project]\nname = "{name}"\nversion = "1.0"\n'
        )
        body = f"def build_wheel(*a, **k):\n    {statement}\n"
        (source / "backend.py").write_text(
            f"{body}prepare_metadata_for_build_wheel = build_wheel\n"
        )
        return output(*PIP, "install", "--no-index", "./source", folder=folder)

    return build


def shadowed(folder: Path) -> str:
    (folder / "datasets.py").write_text("mine = 1\n")
    return python(folder, "from datasets import load_dataset\n")


def shadowed_module(folder: Path) -> str:
    (folder / "librosa.py").write_text("mine = 1\n")
    return python(folder, "import librosa.display\n")


def without_ffmpeg(folder: Path) -> str:
    return python(
        folder,
        """
        import subprocess
        subprocess.run(["ffmpeg", "-i", "talk.m4a"], env={"PATH": "/nowhere"}, check=True)
        """,
    )


def cut_archive(folder: Path) -> str:
    (folder / "model.nemo").write_bytes(b"\x1f\x8b" + bytes(100))
    return python(folder, "import tarfile\ntarfile.open('model.nemo')\n")


def pointer_of_lfs(folder: Path) -> str:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    (folder / "model.ckpt").write_text(pointer)
    return python(folder, "import pickle\npickle.load(open('model.ckpt', 'rb'))\n")


def wrong_home(folder: Path) -> str:
    return output(sys.executable, "-c", "pass", folder=folder, PYTHONHOME=str(folder))


def cut_library(folder: Path) -> str:
    (folder / "libtorch_cpu.so").write_bytes(b"\x7fELF")
    return python(folder, "import ctypes\nctypes.CDLL('./libtorch_cpu.so')\n")


def old_alias(folder: Path) -> str:
    return python(folder, "import numpy\nnumpy.float(1)\n")


STAGED: dict[int, tuple[Callable[[Path], str], ...]] = {
    163: (cut_archive,),
    164: (pointer_of_lfs,),
    175: (old_alias,),
    186: (broken_bound,),
    187: (no_solution,),
    191: (no_torch_at_all,),
    192: (another_torch,),
    193: (wheel_of_another_system,),
    194: (no_file,),
    197: (changed_download,),
    198: (own_certificate,),
    200: (no_name_server,),
    204: (no_pip,),
    213: (built_with("import torch"),),
    214: (built_with("import pkg_resources"),),
    215: (built_with("import a_module_that_nobody_has"),),
    218: (built_with("raise ValueError('odd')"),),
    219: (wrong_home,),
    221: (shadowed, shadowed_module),
    224: (without_ffmpeg,),
    242: (cut_library,),
}
CASES = [
    pytest.param(row, make, id=f"{row}-{i}")
    for row, makers in STAGED.items()
    for i, make in enumerate(makers)
]


def test_the_rows_that_are_marked_as_staged_are_made_here() -> None:
    assert {row.number for row in posted() if row.mark == "staged"} == set(STAGED)


@pytest.mark.parametrize(("row", "make"), CASES)
def test_what_is_really_printed_is_matched(
    row: int, make: Callable[[Path], str], tmp_path: Path
) -> None:
    text = make(tmp_path)
    assert [found.row for found in match(text)][:1] == [row], text
