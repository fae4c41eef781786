"""A run's inputs and outputs in a storage whose URL has a password: nothing writes it down."""

from __future__ import annotations

import json
from pathlib import Path

from parakeet_cli.transcribe.inputs.find import Job, find_jobs
from parakeet_cli.transcribe.inputs.storage import Url, parent_name, recorded
from parakeet_cli.transcribe.run.journal import RunEntry, RunJournal, read_journal
from parakeet_cli.transcript import Status
from tests.integration.transcribe.command import transcribe

SECRET = "swordfish"
CLOSED = f"ftp://ann:{SECRET}@127.0.0.1:1"  # nothing listens there
URL = f"{CLOSED}/talks/a.wav"


def test_a_run_writes_and_shows_no_password_of_an_input_or_an_output(tmp_path: Path) -> None:
    asked = (URL, "-o", f"{CLOSED}/out", "-f", "json", "--run", "run", "--log", "log")
    for more in ((), ("--debug",), ("-v", "--retry-failed")):
        done = transcribe(tmp_path, *asked, "--wait", "0", "--manifest-out", "m.jsonl", *more)
        assert done.code in (1, 2, 4), done.err
        assert SECRET not in done.err + done.out.decode()
    status = transcribe(tmp_path, "--status", "run", "--json")
    assert SECRET not in status.err + status.out.decode()
    asked = (URL, "--run", "run", "-o", "here", "-f", "json", "--manifest-out", "m.jsonl")
    done = transcribe(tmp_path, *asked, "--wait", "0", "--progress", "json")
    assert SECRET not in done.err + done.out.decode()
    for path in tmp_path.rglob("*"):
        assert SECRET not in path.name
        if path.is_file():
            assert SECRET.encode() not in path.read_bytes(), path


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
