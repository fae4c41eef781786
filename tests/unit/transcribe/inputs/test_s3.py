"""S3 as a file system, against a simulated S3 in this process."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from parakeet_cli.transcribe.inputs import s3
from parakeet_cli.transcribe.inputs.s3 import S3
from parakeet_cli.transcribe.inputs.surroundings import obstacle_of_storage

KEYS = ("in/one.wav", "in/deep/two & three#4?.wav", "in.wav", "inside/x.wav", "in/empty/")


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_MAX_ATTEMPTS"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="bkt")
        for key in KEYS:
            client.put_object(Bucket="bkt", Key=key, Body=b"" if key.endswith("/") else b"sound")
        yield S3(skip_instance_cache=True)


def test_everything_below_a_prefix_is_found_or_the_object_itself(system: S3) -> None:
    found = system.find("bkt/in", detail=True)
    assert set(found) == {"bkt/in/one.wav", "bkt/in/deep/two & three#4?.wav", "bkt/in/empty/"}
    assert found["bkt/in/empty/"]["type"] == "directory"
    assert found["bkt/in/one.wav"]["size"] == 5
    assert system.find("bkt/in.wav", detail=True) == {"bkt/in.wav": system.info("bkt/in.wav")}
    assert system.find("bkt/none") == []
    assert len(system.find("bkt")) == len(KEYS)


def test_a_pattern_matches_within_folders_and_across_them(system: S3) -> None:
    assert set(system.glob("bkt/in/*.wav", detail=True)) == {"bkt/in/one.wav"}
    assert "bkt/in/deep/two & three#4?.wav" in system.glob("bkt/in/**/*.wav", detail=True)


def test_an_object_is_uploaded_and_downloaded_whole(system: S3, tmp_path: Path) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    here.write_bytes(bytes(range(256)) * 1000)
    system.put_file(str(here), "bkt/out/ä b.json")
    system.get_file("bkt/out/ä b.json", str(there))
    assert there.read_bytes() == here.read_bytes()


def test_what_is_missing_is_not_found_and_what_is_refused_says_so(
    system: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(FileNotFoundError, match="does not exist"):
        system.find("nowhere/in")
    with pytest.raises(FileNotFoundError):
        system.get_file("bkt/none", str(tmp_path / "a"))
    with pytest.raises(FileNotFoundError):
        system.info("bkt/none")

    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "ExpiredToken", "Message": "It has expired."}}, "Get")

    monkeypatch.setattr(system._client, "get_object", refuse)
    with pytest.raises(PermissionError, match=r"It has expired. \(ExpiredToken\)") as raised:
        system.get_file("bkt/in.wav", str(tmp_path / "a"))
    assert obstacle_of_storage(raised.value).cause == "the storage refuses the credentials"


def test_a_download_that_breaks_off_is_tried_again_and_then_is_the_storage_s_fault(
    system: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, asked = system._client.get_object, 0

    class Broken(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise ReadTimeoutError(endpoint_url="http://bkt")

    def break_off(**named: str) -> Any:
        nonlocal asked
        asked += 1
        return {"Body": Broken()} if asked < most else real(**named)

    monkeypatch.setattr(system._client, "get_object", break_off)
    most = 3
    system.get_file("bkt/in.wav", str(tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == b"sound"
    most, asked = 10**6, 0
    with pytest.raises(OSError, match="Read timeout") as raised:
        system.get_file("bkt/in.wav", str(tmp_path / "a"))
    assert asked == s3._ATTEMPTS
    assert obstacle_of_storage(raised.value).cause == "the storage can't be reached"
