"""S3 by boto3, AWS's own client, as a file system of fsspec's.

s3fs does the same, but needs a botocore of a few days, and so no current boto3 beside it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from fsspec.spec import AbstractFileSystem

_TIMEOUTS = {"connect_timeout": 10, "read_timeout": 10}  # seconds
_ATTEMPTS = 3  # unless AWS_MAX_ATTEMPTS says otherwise
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})
_REFUSED = frozenset(
    {"401", "403", "AccessDenied", "ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"}
)
_BROKEN_OFF = (ReadTimeoutError, ResponseStreamingError, IncompleteReadError)

Info = dict[str, Any]


class S3(AbstractFileSystem):  # type: ignore[misc]
    """Objects by their names, `bucket/key`. Raises FileNotFoundError, PermissionError, OSError."""

    protocol = ("s3", "s3a")

    @cached_property
    def _client(self) -> Any:
        own = "AWS_MAX_ATTEMPTS" in os.environ
        retries = {} if own else {"retries": {"total_max_attempts": _ATTEMPTS}}
        return boto3.session.Session().client("s3", config=Config(**_TIMEOUTS, **retries))

    def find(
        self,
        path: str,
        maxdepth: int | None = None,
        withdirs: bool = False,
        detail: bool = False,
        **_: Any,
    ) -> Any:
        """Every object below a prefix, at any depth; else the object itself, if there is one."""
        bucket, _slash, key = path.strip("/").partition("/")
        found = dict(self._listed(bucket, f"{key}/" if key else ""))
        if not found and key:
            try:
                info = self.info(path)
            except FileNotFoundError:
                info = None
            found = {} if info is None else {info["name"]: info}
        return found if detail else sorted(found)

    def _listed(self, bucket: str, prefix: str) -> Iterator[tuple[str, Info]]:
        with _translated():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=bucket, Prefix=prefix
            )
            for page in pages:
                for one in page.get("Contents", ()):
                    name = f"{bucket}/{one['Key']}"
                    yield name, _info(name, one["Size"], one.get("ETag", ""))

    def info(self, path: str, **_: Any) -> Info:
        """The size and the ETag of an object."""
        bucket, _slash, key = path.strip("/").partition("/")
        with _translated():
            head = self._client.head_object(Bucket=bucket, Key=key)
        return _info(f"{bucket}/{key}", head["ContentLength"], head.get("ETag", ""))

    def get_file(self, rpath: str, lpath: str, **_: Any) -> None:
        """Download an object, by one request if nothing fails."""
        bucket, _slash, key = rpath.partition("/")
        with _translated():
            for left in reversed(range(_ATTEMPTS)):
                body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
                try:
                    with open(lpath, "wb") as file, body:
                        shutil.copyfileobj(body, file)
                    return
                except _BROKEN_OFF:  # boto3 tries again only until an answer begins
                    if not left:
                        raise

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        """Upload a file as an object, which appears whole."""
        bucket, _slash, key = rpath.partition("/")
        with _translated(), open(lpath, "rb") as file:
            self._client.put_object(Bucket=bucket, Key=key, Body=file)


def _info(name: str, size: int, mark: str) -> Info:
    folder = name.endswith("/") and not size  # what some programs store for an empty folder
    return {"name": name, "size": size, "ETag": mark, "type": "directory" if folder else "file"}


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the errors of boto3 as those of a file system."""
    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        code = str(found.get("Code", ""))
        message = f"{found.get('Message') or error} ({code})" if code else str(error)
        if code in _MISSING:
            raise FileNotFoundError(message) from error
        if code in _REFUSED:
            raise PermissionError(message) from error
        raise OSError(message) from error
    except BotoCoreError as error:
        raise OSError(str(error)) from error
