"""Inputs and outputs in a bucket of a real S3 server on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.integration.transcribe.command import CLIP, SAID, start, transcribe
from tests.integration.transcribe.test_runs import SLOW, journal

pytestmark = pytest.mark.slow


@dataclass(frozen=True, slots=True)
class Bucket:
    """Its file system, and the variables by which the command finds it."""

    fs: Any
    env: dict[str, str]


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    pytest.importorskip("s3fs")
    server_module = pytest.importorskip("moto.server")
    import fsspec

    server = server_module.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    endpoint = f"http://127.0.0.1:{server.get_host_and_port()[1]}"
    urlopen(Request(f"{endpoint}/moto-api/reset", method="POST")).close()
    fs = fsspec.filesystem(
        "s3", key="a", secret="b", endpoint_url=endpoint, skip_instance_cache=True
    )
    fs.mkdir("bucket")
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
    bucket.fs.invalidate_cache()
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
    bucket.fs.invalidate_cache()
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
