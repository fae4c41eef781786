"""Inputs and outputs in a bucket of a real S3 server on loopback."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest

from tests.integration.transcribe.command import CLIP, SAID, start, transcribe
from tests.integration.transcribe.test_runs import SLOW, journal

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of all buckets, by `bucket/key`, for the tests' own hands."""

    client: Any

    def put_file(self, path: str, name: str) -> None:
        self.pipe_file(name, Path(path).read_bytes())

    def pipe_file(self, name: str, data: bytes) -> None:
        bucket, _, key = name.partition("/")
        self.client.put_object(Bucket=bucket, Key=key, Body=data)

    def cat_file(self, name: str) -> bytes:
        bucket, _, key = name.partition("/")
        data: bytes = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        return data

    def rm_file(self, name: str) -> None:
        bucket, _, key = name.partition("/")
        self.client.delete_object(Bucket=bucket, Key=key)

    def find(self, prefix: str) -> list[str]:
        bucket, _, key = prefix.partition("/")
        found = self.client.list_objects_v2(Bucket=bucket, Prefix=key).get("Contents", ())
        return [f"{bucket}/{one['Key']}" for one in found]


@dataclass(frozen=True, slots=True)
class Bucket:
    """Its file system, and the variables by which the command finds it."""

    fs: Objects
    env: dict[str, str]


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    server_module = pytest.importorskip("moto.server")
    server = server_module.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id="a",
        aws_secret_access_key="b",
        region_name="us-east-1",
    )
    client.create_bucket(Bucket="bucket")
    fs = Objects(client)
    for name in ("one.wav", "deep/two.wav"):
        fs.put_file(str(CLIP), f"bucket/in/{name}")
    yield Bucket(
        fs,
        {
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
    )
    server.stop()


ASKED = ("s3://bucket/in", "-f", "txt,json", "-o", "s3://bucket/out", "--run", "run")


@pytest.mark.parametrize("more", [(), ("--workers", "2", "--threads", "2")])
def test_a_bucket_is_transcribed_and_resumed(
    tmp_path: Path, bucket: Bucket, more: tuple[str, ...]
) -> None:
    done = transcribe(tmp_path, *ASKED, *more, env=bucket.env, limit=180)
    assert done.code == 0, done.err
    assert sorted(bucket.fs.find("bucket/out")) == [
        f"bucket/out/{name}" for name in ("deep/two.json", "deep/two.txt", "one.json", "one.txt")
    ]
    assert bucket.fs.cat_file("bucket/out/deep/two.txt") == SAID
    assert b'"path": "s3://bucket/in/one.wav"' in bucket.fs.cat_file("bucket/out/one.json")
    bucket.fs.rm_file("bucket/out/one.txt")
    again = transcribe(tmp_path, *ASKED, *more, env=bucket.env, limit=180)
    assert again.code == 0, again.err
    assert "2 files: 2 ok (1 of them before)." in again.err
    assert bucket.fs.cat_file("bucket/out/one.txt") == SAID


def objects(bucket: Bucket, prefix: str) -> dict[str, bytes]:
    below = f"bucket/{prefix}/"
    return {
        name.removeprefix(below): bucket.fs.cat_file(name)
        for name in bucket.fs.find(f"bucket/{prefix}")
        if name.startswith(below)  # the prefix itself is found as it comes into being
    }


def test_ray_goes_on_with_a_bucket_after_its_driver_was_killed(
    tmp_path: Path, bucket: Bucket
) -> None:
    pytest.importorskip("ray")
    for number in range(14):
        bucket.fs.put_file(str(CLIP), f"bucket/in/{number % 3}/clip{number:02}.wav")
        bucket.fs.pipe_file(f"bucket/in/{number % 3}/clip{number:02}.txt", b"Not transcribed.")
    whole = ("s3://bucket/in", "-f", "txt,json", "-o", "s3://bucket/whole")
    done = transcribe(tmp_path, *whole, env=bucket.env, limit=180)
    assert done.code == 0, done.err
    on_ray = ("--ray", "--workers", "2", "--threads", "2")
    slow = {**SLOW, "PARAKEET_MOCK_RTF": "0.2"}
    process = start(tmp_path, "transcribe", *ASKED, *on_ray, env=bucket.env, engine=slow)
    until = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < until:
        if len(objects(bucket, "out")) >= 6:
            process.kill()
            break
        time.sleep(0.05)
    _, err = process.communicate()
    assert process.returncode == -9, err
    before = sum(journal(tmp_path, "ended").values())
    assert 0 < before < 16
    last = transcribe(tmp_path, *ASKED, *on_ray, env=bucket.env, limit=240)
    assert last.code == 0, last.err
    assert f"16 files: 16 ok ({before} of them before)." in last.err
    assert objects(bucket, "out") == objects(bucket, "whole")
    assert set(journal(tmp_path, "ended").values()) == {1}


def test_a_bucket_that_is_not_there_fails_by_name(tmp_path: Path, bucket: Bucket) -> None:
    done = transcribe(tmp_path, "s3://nowhere/in", "-f", "txt", env=bucket.env, limit=180)
    assert done.code == 1
    assert "s3://nowhere/in" in done.err
    assert "Traceback" not in done.err


EXPIRED = b"<Error><Code>ExpiredToken</Code><Message>It has expired.</Message></Error>"


class Gate(ThreadingHTTPServer):
    """A proxy before the bucket whose credentials expire after so many uploads."""

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), Gatekeeper)
        self.upstream = upstream
        self.uploads_left = 10**6
        self.stalls = False  # and answers nothing any more
        self.refuses = False  # and closes each connection
        self.closed = Event()
        Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Gatekeeper(BaseHTTPRequestHandler):
    """Passes requests on until the time of the credentials is over."""

    server: Gate
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gate = self.server
        gate.uploads_left -= self.command == "PUT"
        if gate.uploads_left < 0 and gate.stalls:
            gate.closed.wait()
        if gate.uploads_left < 0 and (gate.refuses or gate.stalls):
            self.close_connection = True
            return
        if gate.uploads_left < 0:
            self._send(403, EXPIRED)
            return
        request = Request(gate.upstream + self.path, method=self.command, data=body or None)
        for name, value in self.headers.items():
            if name.lower() not in ("host", "connection", "content-length"):
                request.add_header(name, value)
        try:
            with urlopen(request) as answer:
                self._send(answer.status, answer.read(), dict(answer.headers))
        except HTTPError as error:
            self._send(error.code, error.read(), dict(error.headers))

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815

    def _send(self, code: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(code)
        for name, value in (headers or {}).items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding"):
                self.send_header(name, value)
        length = (headers or {}).get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", length or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_credentials_that_expire_fail_no_file_and_renewed_the_run_goes_on(
    bucket: Bucket, tmp_path: Path
) -> None:
    for number in range(12):
        bucket.fs.put_file(str(CLIP), f"bucket/in/{number}.wav")
    gate = Gate(bucket.env["AWS_ENDPOINT_URL"])
    env = {**bucket.env, "AWS_ENDPOINT_URL": gate.url}
    gate.uploads_left = 8
    done = transcribe(tmp_path, *ASKED, env=env)
    assert done.code == 4, done.err
    assert "Stopped: the storage refuses the credentials, for " in done.err
    assert "Failed: " not in done.err
    found = json.loads(transcribe(tmp_path, "--status", "run", "--json").out)
    assert (found["failed"], found["total"]) == (0, 14)
    assert 0 < found["done"] < 14
    gate.uploads_left = 10**6
    again = transcribe(tmp_path, *ASKED, env=env)
    assert again.code == 0, again.err
    assert "14 files: 14 ok" in again.err
    gate.shutdown()


@pytest.mark.parametrize("fault", ["refuses", pytest.param("stalls", marks=pytest.mark.soak)])
def test_a_storage_that_falls_silent_fails_no_file_and_the_run_goes_on(
    bucket: Bucket, tmp_path: Path, fault: str
) -> None:
    for number in range(4):
        bucket.fs.put_file(str(CLIP), f"bucket/in/{number}.wav")
    gate = Gate(bucket.env["AWS_ENDPOINT_URL"])
    env = {**bucket.env, "AWS_ENDPOINT_URL": gate.url, "AWS_MAX_ATTEMPTS": "1"}
    gate.uploads_left = 3
    setattr(gate, fault, True)
    done = transcribe(tmp_path, *ASKED, "--wait", "0", env=env, limit=180)
    gate.closed.set()
    assert done.code == 4, done.err
    assert "Stopped: the storage can't be reached, for " in done.err
    assert "Written before that, and left: s3://bucket/out/" in done.err
    assert "Failed: " not in done.err
    assert "Traceback" not in done.err
    found = json.loads(transcribe(tmp_path, "--status", "run", "--json").out)
    assert (found["failed"], found["state"], found["total"]) == (0, "stopped", 6)
    assert found["done"] + found["left"] == 6
    gate.uploads_left = 10**6
    again = transcribe(tmp_path, *ASKED, env=env, limit=180)
    assert again.code == 0, again.err
    assert "6 files: 6 ok" in again.err
    gate.shutdown()


def test_a_bucket_that_is_not_there_is_said_once(bucket: Bucket, tmp_path: Path) -> None:
    for number in range(8):
        bucket.fs.put_file(str(CLIP), f"bucket/in/{number}.wav")
    asked = ("s3://bucket/in", "-f", "txt", "-o", "s3://nowhere/out", "--wait", "0")
    done = transcribe(tmp_path, *asked, env=bucket.env)
    assert done.code == 4, done.err
    assert done.err.count("Stopped: ") == 1
    assert "Failed: " not in done.err


def test_a_storage_that_does_not_answer_is_the_surroundings(tmp_path: Path) -> None:
    env = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }
    done = transcribe(tmp_path, "s3://bucket/in", "-f", "txt", "-o", "out", env=env)
    assert done.code == 4, done.err
    assert "can't be listed" in done.err
