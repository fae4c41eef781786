"""Tests `parakeet models` with a hub on loopback and huggingface_hub's own client."""

from __future__ import annotations

import json
import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hub import Hub
from tests.integration.transcribe.command import COMMAND, environment

pytestmark = pytest.mark.slow

REPOSITORY = "nvidia/parakeet-tdt-1.1b"
FILE = "parakeet-tdt-1.1b.nemo"
# More than the client reads at once (10 MB), so that a partial download can be stored.
CONTENT = random.Random(1).randbytes(25_000_000)
SMALL = CONTENT[:200_000]


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as made:
        yield made


class Command:
    """Runs the command with its own cache and this hub."""

    def __init__(self, folder: Path, hub: Hub) -> None:
        self.cache = folder / "cache"
        self.env = environment(folder, {"HF_HOME": str(self.cache), "HF_ENDPOINT": hub.url})
        self.env.pop("HF_HUB_CACHE", None)
        self.env.pop("HF_HUB_OFFLINE", None)

    def __call__(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [COMMAND, *arguments],
            capture_output=True,
            encoding="utf-8",
            stdin=subprocess.DEVNULL,
            env={**self.env, **more},
            timeout=120,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            encoding="utf-8",
            env=self.env,
        )

    def files(self) -> list[Path]:
        """The files in the cache that are not empty."""
        return [path for path in self.cache.rglob("*") if path.is_file() and path.stat().st_size]


@pytest.fixture
def parakeet(tmp_path: Path, hub: Hub) -> Command:
    return Command(tmp_path, hub)


def test_a_pulled_model_is_listed_verified_found_and_removed(hub: Hub, parakeet: Command) -> None:
    hub.add(REPOSITORY, {FILE: SMALL, "README.md": b"a model"})
    pulled = parakeet("models", "pull", "1.1b")
    assert pulled.returncode == 0, pulled.stderr
    assert Path(pulled.stdout.strip()).read_bytes() == SMALL
    assert "what the hub said" in pulled.stderr
    assert not hub.downloads("README.md")

    path = parakeet("models", "path", "nvidia/parakeet-tdt-1.1b")
    assert path.stdout == pulled.stdout
    listed = json.loads(parakeet("models", "list", "--json").stdout)
    (row,) = [one for one in listed["models"] if one["cached"]]
    assert row["name"] == "1.1b"
    assert row["cached"]["bytes"] == len(SMALL)
    assert row["cached"]["revision"] == hub.repositories[REPOSITORY].main
    checked = parakeet("models", "verify")
    assert checked.returncode == 0, checked.stderr
    assert "recorded when it was pulled" in checked.stdout

    asked = parakeet("models", "remove", "1.1b")
    assert asked.returncode == 2
    assert "--yes" in asked.stderr
    assert parakeet("models", "remove", "1.1b", "--yes").returncode == 0
    assert parakeet("models", "path", "1.1b").returncode == 3
    assert not Path(pulled.stdout.strip()).exists()


def test_a_model_that_the_hub_s_client_cached_is_found(
    hub: Hub, parakeet: Command, tmp_path: Path
) -> None:
    """What another tool downloaded with the same client is not downloaded again."""
    hub.add(REPOSITORY, {FILE: SMALL})
    script = f"from huggingface_hub import hf_hub_download as d; print(d({REPOSITORY!r}, {FILE!r}))"
    python = str(Path(COMMAND).parent / "python")
    theirs = subprocess.run(
        [python, "-c", script], env=parakeet.env, capture_output=True, text=True, check=True
    )
    count = len(hub.requests)
    assert parakeet("models", "path", "1.1b").stdout == theirs.stdout
    assert parakeet("models", "verify", "1.1b").returncode == 0
    assert len(hub.requests) == count


def test_a_download_resumes_after_a_broken_connection_in_the_same_run(
    hub: Hub, parakeet: Command
) -> None:
    hub.add(REPOSITORY, {FILE: CONTENT})
    hub.break_after = [15_000_000]
    pulled = parakeet("models", "pull", "1.1b")
    assert pulled.returncode == 0, pulled.stderr
    assert Path(pulled.stdout.strip()).read_bytes() == CONTENT
    assert [bool(one.start) for one in hub.downloads(FILE)] == [False, True]


def test_an_interrupted_pull_resumes_where_it_stopped(hub: Hub, parakeet: Command) -> None:
    hub.add(REPOSITORY, {FILE: CONTENT})
    hub.pause_at(15_000_000)
    first = parakeet.start("models", "pull", "1.1b")
    assert hub.paused.wait(60), first.communicate()
    blobs = parakeet.cache / "hub" / "models--nvidia--parakeet-tdt-1.1b" / "blobs"
    while not any(path.stat().st_size for path in blobs.glob("*.incomplete")):
        assert first.poll() is None, first.communicate()
    first.send_signal(signal.SIGINT)
    _, err = first.communicate(timeout=60)
    hub.resume()
    assert first.returncode == 130, err
    (partial,) = blobs.iterdir()
    stored = partial.stat().st_size
    assert 0 < stored < len(CONTENT)

    second = parakeet("models", "pull", "1.1b")
    assert second.returncode == 0, second.stderr
    assert Path(second.stdout.strip()).read_bytes() == CONTENT
    assert hub.downloads(FILE)[-1].start == stored


def test_a_server_without_ranges_sends_the_whole_file_again(hub: Hub, parakeet: Command) -> None:
    hub.add(REPOSITORY, {FILE: CONTENT})
    hub.supports_ranges = False
    hub.break_after = [15_000_000]
    pulled = parakeet("models", "pull", "1.1b")
    assert pulled.returncode == 0, pulled.stderr
    assert Path(pulled.stdout.strip()).read_bytes() == CONTENT


@pytest.mark.parametrize("resumes", [False, True], ids=["from the start", "resumed"])
def test_a_server_that_sends_more_than_it_declared_is_refused_and_nothing_is_left(
    hub: Hub, parakeet: Command, resumes: bool
) -> None:
    hub.add(REPOSITORY, {FILE: CONTENT})
    hub.served_instead[FILE] = CONTENT + SMALL
    if resumes:
        hub.break_after = [15_000_000]
    pulled = parakeet("models", "pull", "1.1b")
    assert pulled.returncode == 3, pulled.stderr
    assert "Traceback" not in pulled.stderr
    assert not [path for path in parakeet.files() if path.stat().st_size >= len(SMALL)]
    assert len(hub.downloads(FILE)) <= 3
    del hub.served_instead[FILE]
    assert parakeet("models", "pull", "1.1b").returncode == 0


def test_wrong_bytes_are_refused_and_nothing_is_left(hub: Hub, parakeet: Command) -> None:
    hub.add(REPOSITORY, {FILE: SMALL})
    hub.served_instead[FILE] = SMALL[:-1] + bytes([SMALL[-1] ^ 1])
    pulled = parakeet("models", "pull", "1.1b")
    assert pulled.returncode == 3
    assert "other bytes" in pulled.stderr
    assert "parakeet models pull 1.1b" in pulled.stderr
    assert not [path for path in parakeet.files() if path.stat().st_size >= len(SMALL)]
    assert parakeet("models", "path", "1.1b").returncode == 3
    del hub.served_instead[FILE]
    assert parakeet("models", "pull", "1.1b").returncode == 0


def test_a_pinned_model_is_refused_with_other_bytes_even_if_the_hub_declares_them(
    hub: Hub, parakeet: Command
) -> None:
    """Somebody with the repository's key can change its checksums too."""
    from parakeet_cli.models.registry import look_up

    known = look_up("v3")
    assert known is not None
    hub.add(known.repository, {known.files[0]: SMALL}, commit=known.revision)
    pulled = parakeet("models", "pull", "v3")
    assert pulled.returncode == 3
    assert "other bytes" in pulled.stderr
    assert not [path for path in parakeet.files() if path.stat().st_size >= len(SMALL)]


def test_a_pinned_revision_that_is_gone_says_so(hub: Hub, parakeet: Command) -> None:
    hub.add("nvidia/parakeet-tdt-0.6b-v3", {"parakeet-tdt-0.6b-v3.nemo": SMALL})
    pulled = parakeet("models", "pull", "v3")
    assert pulled.returncode == 3
    assert "541d1f99" in pulled.stderr


def test_a_missing_or_gated_model_is_an_error_that_says_what_to_do(
    hub: Hub, parakeet: Command
) -> None:
    missing = parakeet("models", "pull", "nobody/nothing")
    assert missing.returncode == 3
    assert "nobody/nothing" in missing.stderr
    assert "HF_TOKEN" in missing.stderr
    hub.add(REPOSITORY, {FILE: SMALL}).gated = True
    closed = parakeet("models", "pull", "1.1b")
    assert closed.returncode == 3
    assert "open only to" in closed.stderr
    assert "hf auth login" in closed.stderr
    hub.add("nvidia/other", {"README.md": b"no model"})
    empty = parakeet("models", "pull", "nvidia/other")
    assert empty.returncode == 3
    assert "has no other.nemo" in empty.stderr
    for command in (missing, closed, empty):
        assert "Traceback" not in command.stderr


def test_offline_a_cached_model_works_and_another_is_an_error_with_a_command(
    hub: Hub, parakeet: Command
) -> None:
    hub.add(REPOSITORY, {FILE: SMALL})
    pulled = parakeet("models", "pull", "1.1b")
    count = len(hub.requests)
    for more in ({}, {"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:1"}):
        assert parakeet("models", "path", "1.1b", **more).stdout == pulled.stdout
        assert parakeet("models", "verify", "1.1b", **more).returncode == 0
    for more in ({"HF_HUB_OFFLINE": "1"}, {"PARAKEET_OFFLINE": "true"}):
        refused = parakeet("models", "pull", "v3", **more)
        assert refused.returncode == 3
        assert "parakeet models pull v3" in refused.stderr
    assert parakeet("models", "pull", "v3", "--offline").returncode == 3
    assert len(hub.requests) == count


def test_bit_rot_is_found_and_repaired(hub: Hub, parakeet: Command) -> None:
    hub.add(REPOSITORY, {FILE: SMALL})
    path = Path(parakeet("models", "pull", "1.1b").stdout.strip())
    with path.open("r+b") as stream:
        stream.seek(100_000)
        stream.write(b"\0\0\0\0")
    checked = parakeet("models", "verify", "--json")
    assert checked.returncode == 1
    (row,) = json.loads(checked.stdout)["files"]
    assert (row["model"], row["file"], row["status"]) == ("1.1b", FILE, "changed")
    assert parakeet("models", "pull", "1.1b").returncode == 0
    assert path.read_bytes() == SMALL
    path.resolve().unlink()
    assert parakeet("models", "verify", "1.1b").returncode == 1


def test_only_pull_fetches_a_new_revision(hub: Hub, parakeet: Command) -> None:
    old = hub.add(REPOSITORY, {FILE: SMALL}).main
    first = Path(parakeet("models", "pull", "1.1b").stdout.strip())
    new = hub.add(REPOSITORY, {FILE: SMALL + b"new"}).main
    assert parakeet("models", "verify", "1.1b").returncode == 0
    assert Path(parakeet("models", "path", "1.1b").stdout.strip()) == first
    second = Path(parakeet("models", "pull", "1.1b").stdout.strip())
    assert (first.parent.name, second.parent.name) == (old, new)
    assert second.read_bytes() == SMALL + b"new"
    assert Path(parakeet("models", "path", "1.1b").stdout.strip()) == second
    assert parakeet("models", "verify", "1.1b").returncode == 0


def test_an_onnx_model_is_a_folder_and_small_files_are_checked_too(
    hub: Hub, parakeet: Command
) -> None:
    files = {
        "encoder-model.onnx": SMALL,
        "decoder_joint-model.onnx": SMALL[:5000],
        "vocab.txt": b"<blk> 0\n",
        "config.json": b"{}",
        "encoder-model.int8.onnx": SMALL[:2000],
    }
    hub.add("istupakov/parakeet-rnnt-0.6b-onnx", files)
    pulled = parakeet("models", "pull", "rnnt", "--kind", "onnx")
    assert pulled.returncode == 0, pulled.stderr
    folder = Path(pulled.stdout.strip())
    assert {path.name for path in folder.iterdir()} == set(files) - {"encoder-model.int8.onnx"}
    (folder / "vocab.txt").write_bytes(b"<blk> 1\n")
    checked = parakeet("models", "verify", "rnnt-onnx")
    assert checked.returncode == 1
    assert "changed" in checked.stdout


def test_a_full_disk_is_detected_before_anything_is_downloaded(hub: Hub, parakeet: Command) -> None:
    hub.add(REPOSITORY, {FILE: SMALL})
    script = (
        "import os, shutil, sys\n"
        "from collections import namedtuple\n"
        "shutil.disk_usage = lambda path: namedtuple('U', 'total used free')(9, 8, 1000)\n"
        "sys.argv = ['parakeet', 'models', 'pull', '1.1b']\n"
        "from parakeet_cli.__main__ import main\n"
        "sys.exit(main())\n"
    )
    python = str(Path(COMMAND).parent / "python")
    pulled = subprocess.run(
        [python, "-c", script], env=parakeet.env, capture_output=True, text=True
    )
    assert pulled.returncode == 3, pulled.stderr
    assert "MB free" in pulled.stderr
    assert not hub.downloads(FILE)
