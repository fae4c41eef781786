from __future__ import annotations

import pytest

from parakeet_cli.system.safety.url_passwords import values_without_passwords, without_passwords


@pytest.mark.parametrize(
    "url",
    [
        "https://user:S3CRET@host/simple",
        "https://S3CRET@host/simple",
        "https://user:S3CRET@host:8080/simple/",
        "https://user:a@S3CRET@host/simple",
        "https://user:S3/CRET-S3CRET@host/simple",
        "https://user:S3?x=S3CRET@host/simple",
        "git+https://user:S3CRET@host/a.git@v1",
        "s3://user:S3CRET@bucket/key",
        "//user:S3CRET@host/simple",
        "https://host/simple?token=S3CRET",
        "https://host/simple?a=1&api_key=S3CRET&b=2",
        "https://host/simple?X-Amz-Signature=S3CRET",
        "https://host/?private_token=S3CRET#egg=x",
        "https://host/#access_token=S3CRET",
        "global.proxy='user:S3CRET@proxy:3128'",
        "HTTPS_PROXY=user:S3CRET@proxy:3128",
    ],
)
@pytest.mark.parametrize("around", ["{}", "Looking in indexes: {}, x", "'{}'", "pip --url={} y"])
def test_no_password_is_left(url: str, around: str) -> None:
    shown = without_passwords(around.format(url))
    assert "S3CRET" not in shown
    assert "****" in shown


@pytest.mark.parametrize(
    "text",
    [
        "https://host:8080/a@1.0/b",
        "https://host/simple?page=2",
        "name @ https://host/a.whl",
        "a talk//b@c.wav",
        "12:30@home.wav",
        "Write to me@example.org, https://example.org/x",
        "git@example.org:a/b.git",
        "key=value",
    ],
)
def test_what_is_no_password_stays(text: str) -> None:
    assert without_passwords(text) == text


def test_the_host_and_the_path_stay() -> None:
    shown = without_passwords("https://user:pw@host:8080/simple?token=x&page=2")
    assert shown == "https://****@host:8080/simple?token=****&page=2"


def test_every_text_of_a_json_value_is_looked_at() -> None:
    value = {"a": [{"b": "https://u:p@h/"}, ("//u:p@h", 1, None)], "https://u:p@h": True}
    assert values_without_passwords(value) == {
        "a": [{"b": "https://****@h/"}, ["//****@h", 1, None]],
        "https://****@h": True,
    }
