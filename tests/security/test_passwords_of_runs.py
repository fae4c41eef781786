"""A run's inputs and outputs in a storage whose URL has a password: nothing writes it down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from parakeet_cli.transcribe.inputs.find import Job, find_jobs
from parakeet_cli.transcribe.inputs.storage import Url, parent_name, recorded
from parakeet_cli.transcribe.run.journal import RunEntry, RunJournal, read_journal
from parakeet_cli.transcript import Status
from tests.integration.transcribe.command import clip, transcribe

SECRET = "swordfish"
CLOSED = f"ftp://ann:{SECRET}@127.0.0.1:1"  # nothing listens there
URL = f"{CLOSED}/talks/a.wav"


def assert_unwritten(folder: Path) -> None:
    for path in folder.rglob("*"):
        assert SECRET not in path.name
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A server on loopback with a recording; its URL has a password."""
    files = tmp_path / "files"
    files.mkdir()
    clip(files / "a.wav")
    handler = partial(SimpleHTTPRequestHandler, directory=str(files))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as made:
        thread = Thread(target=made.serve_forever)
        thread.start()
        yield f"http://ann:{SECRET}@127.0.0.1:{made.server_port}"
        made.shutdown()
        thread.join()


def test_a_run_that_succeeds_writes_no_password_and_recognises_its_input(
    server: str, tmp_path: Path
) -> None:
    pytest.importorskip("aiohttp")
    here = tmp_path / "here"
    here.mkdir()
    asked = (f"{server}/a.wav", "-o", "out", "-f", "json", "-f", "html", "--run", "run", "--debug")
    for count in range(2):
        done = transcribe(here, *asked, "--manifest-out", "m.jsonl")
        assert done.code == 0, done.err
        assert SECRET not in done.err + done.out.decode()
        rows = (here / "run" / "journal.jsonl").read_text().splitlines()
        assert sum('"ended"' in row for row in rows) == 1, f"once, and not again ({count})"
    assert_unwritten(here)
    assert "****@127.0.0.1" in (here / "m.jsonl").read_text()


def test_a_run_that_fails_writes_and_shows_no_password(tmp_path: Path) -> None:
    for number, more in enumerate(((), ("--debug",), ("-v", "--retry-failed"))):
        asked = (URL, "-o", f"out{number}", "-f", "json", "--run", "run", *more)
        done = transcribe(tmp_path, *asked, "--manifest-out", "m.jsonl")
        assert done.code in (1, 4), done.err
        assert SECRET not in done.err + done.out.decode()
    done = transcribe(tmp_path, "a.wav", "-o", f"{CLOSED}/out", "-f", "json", "--debug")
    assert SECRET not in done.err + done.out.decode()
    assert "****@" in done.err
    status = transcribe(tmp_path, "--status", "run", "--json")
    assert SECRET not in status.err + status.out.decode()
    assert_unwritten(tmp_path)


def test_a_job_is_known_by_its_url_without_the_password() -> None:
    job = Job("a", Url(URL, URL))
    other = Job("a", Url(URL.replace(SECRET, "other"), URL))
    assert SECRET not in job.key
    assert job.key.startswith("ftp://****@127.0.0.1:1/talks/a.wav~")
    assert job.key == Job("b", Url(URL, "x")).key != other.key
    assert Job("a", Url("s3://bucket/a.wav", "x")).key == "s3://bucket/a.wav", "as it always was"
    assert parent_name(Url(f"{CLOSED}/a.wav", "x")) == "****@127.0.0.1:1"
    signed = Job("a", Url("http://h/a.wav?token=ab.cd.ef", "x"))
    assert signed.stem == "a"


def test_a_manifest_s_urls_lose_their_passwords_and_are_opened_with_them(tmp_path: Path) -> None:
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(json.dumps({"audio_filepath": URL}) + "\n")
    (job,) = find_jobs([str(manifest)])
    assert job.name == "ftp://****@127.0.0.1:1/talks/a.wav"
    assert job.path == Url(URL, URL)


def test_an_older_run_with_passwords_in_its_journal_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    out = f"{CLOSED}/out/a.json"
    entry = RunEntry(Status.OK, (1, "x"), "o", outputs=((out, "sum", 0, ""),), reason=None)
    with RunJournal(path) as journal:
        journal.record_session(1, 1.0)
    row = {**entry.as_json("x"), "ended": URL, "outputs": [[out, "sum", 0, ""]]}
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
    content = read_journal(path)
    key = Job("a", Url(URL, URL)).key
    assert list(content.entries) == [key]
    assert content.entries[key].outputs[0][0] == recorded(Url(out, out))
    with RunJournal(path) as journal:
        journal.compact()
    assert SECRET not in path.read_text()
