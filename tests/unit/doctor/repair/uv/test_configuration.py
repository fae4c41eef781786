"""pip's configuration, asked of the real pip with files and variables made here."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from parakeet_cli.doctor.repair.pip import OWN_PIP, Pip
from parakeet_cli.doctor.repair.uv.configuration import (
    EQUALS,
    NoEqual,
    PipConfiguration,
    for_uv,
    parse_configuration,
    read_configuration,
)

PIP = Pip((sys.executable, *OWN_PIP), "24.1", sys.executable)


@pytest.fixture
def pip_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's pip.conf, where nothing else configures pip."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "global"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    path = tmp_path / "user" / "pip" / "pip.conf"
    path.parent.mkdir(parents=True)
    return path


def test_a_variable_goes_before_a_section_of_the_command_and_that_before_global(
    pip_conf: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    everyone = tmp_path / "global" / "pip" / "pip.conf"
    everyone.parent.mkdir(parents=True)
    everyone.write_text("[global]\nindex-url = https://a.test/simple\nretries = 9\n")
    pip_conf.write_text(
        "[global]\nindex-url = https://b.test/simple\ntimeout = 7\nproxy = http://p.test\n"
        "[install]\nindex-url = https://c.test/simple\nPRE = yes\n"
        "[wheel]\nno-index = true\n"
    )
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "180")
    monkeypatch.setenv("PIP_PROXY", "")
    found = read_configuration(PIP).options
    assert {name: found.get(name) for name in ("index-url", "retries", "timeout", "proxy")} == {
        "index-url": "https://c.test/simple",
        "retries": "9",
        "timeout": "180",
        "proxy": "http://p.test",
    }
    assert found["pre"] == "yes"
    assert "no-index" not in found


def test_repeated_values_quotes_and_backslashes_are_read_as_they_are_written(
    pip_conf: Path, tmp_path: Path
) -> None:
    more = tmp_path / "wheels"
    more.mkdir()
    pip_conf.write_text(
        "[global]\nextra-index-url =\n    https://a.test/simple\n    https://b.test/it's\n"
        f'find-links = {more} https://c.test/files/\ncert = C:\\certs\\it\'s "here".pem\n'
    )
    configuration = read_configuration(PIP)
    assert configuration.options["cert"] == 'C:\\certs\\it\'s "here".pem'
    assert for_uv(configuration, {}).lines == (
        "--extra-index-url https://a.test/simple",
        "--extra-index-url https://b.test/it's",
        f"--find-links {more.as_uri()}",
        "--find-links https://c.test/files/",
    )


def test_a_configuration_file_that_a_variable_names_counts_for_uv_too(
    pip_conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "named.conf"
    named.write_text("[global]\nindex-url = https://named.test/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(named))
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path))
    said = for_uv(read_configuration(PIP), {})
    # /etc/pip.conf, which pip always reads, may add to it.
    assert "--index-url https://named.test/simple" in said.lines


def test_passwords_in_the_configuration_are_not_logged_and_no_argument(
    pip_conf: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pip_conf.write_text(
        "[global]\nindex-url = https://ann:secret@a.test/simple\nproxy = http://bob:secret@p.test\n"
    )
    with caplog.at_level(logging.DEBUG):
        configuration = read_configuration(PIP)
        said = for_uv(configuration, {})
    assert "secret" in configuration.options["index-url"]
    assert "secret" not in caplog.text
    assert not any("secret" in flag for flag in said.flags)


def test_the_connection_is_passed_on_as_pips_variables_and_pip_reads_them_alike(
    pip_conf: Path,
) -> None:
    pip_conf.write_text(
        "[global]\ntrusted-host = a.test\n    b.test\ndefault-timeout = 33\n"
        "index-url = https://c.test/simple\ncert = /certs/it's.pem\n"
    )
    settings = read_configuration(PIP).network_settings
    assert settings == {
        "PIP_CERT": "/certs/it's.pem",
        "PIP_TIMEOUT": "33",
        "PIP_TRUSTED_HOST": "a.test\nb.test",
    }
    sealed = PIP.run(["config", "list"], settings=settings)
    assert parse_configuration(sealed).network_settings == settings


@pytest.mark.parametrize(
    ("options", "lines", "flags"),
    [
        ({"no-index": "yes"}, ("--no-index",), ()),
        ({"no-index": "0"}, (), ()),
        ({"pre": "on"}, (), ("--prerelease", "allow")),
        ({"no-binary": "one, two"}, ("--no-binary one", "--no-binary two"), ()),
        ({"only-binary": ":all:"}, ("--only-binary :all:",), ()),
        ({"only-binary": ":none:"}, (), ()),
        ({"constraint": "/a.txt /b.txt"}, ("-c file:///a.txt", "-c file:///b.txt"), ()),
        ({"constraint": "https://a.test/c.txt"}, ("-c https://a.test/c.txt",), ()),
        ({"quiet": "3", "cache-dir": "/x"}, (), ()),
        ({"keyring-provider": "subprocess"}, (), ("--keyring-provider", "subprocess")),
        ({"keyring-provider": "auto"}, (), ()),
        ({"prefer-binary": "false"}, (), ()),
    ],
)
def test_each_option_has_its_equal(
    options: dict[str, str], lines: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    said = for_uv(PipConfiguration(options), {})
    assert (said.lines, said.flags) == (lines, flags)


def test_the_connection_is_said_in_variables(tmp_path: Path) -> None:
    options = {
        "timeout": "2.5",
        "retries": "0",
        "proxy": "http://bob:pw@p.test:3128",
        "trusted-host": "a.test\nb.test:8080",
        "cert": str(tmp_path),
        "client-cert": "/me.pem",
    }
    said = for_uv(PipConfiguration(options), {"NO_PROXY": "*"}).variables
    assert said["UV_HTTP_TIMEOUT"] == "3"
    assert said["UV_HTTP_RETRIES"] == "0"
    assert said["HTTPS_PROXY"] == said["http_proxy"] == "http://bob:pw@p.test:3128"
    assert said["NO_PROXY"] == ""
    assert said["UV_INSECURE_HOST"] == "a.test b.test:8080"
    assert said["SSL_CERT_DIR"] == str(tmp_path)
    assert said["SSL_CLIENT_CERT"] == "/me.pem"


def test_certificates_of_requests_count_and_without_any_the_systems() -> None:
    named = for_uv(PipConfiguration(), {"REQUESTS_CA_BUNDLE": "/a.pem", "CURL_CA_BUNDLE": "/b"})
    assert named.variables == {"SSL_CERT_FILE": "/a.pem"}
    assert for_uv(PipConfiguration(), {}).variables["UV_SYSTEM_CERTS"] == "true"


@pytest.mark.parametrize(
    "options",
    [
        {"prefer-binary": "true"},
        {"use-feature": "fast-deps"},
        {"platform": "any"},
        {"no-binary": ":all:,one"},
        {"index-url": "/srv/simple"},
        {"extra-index-url": "https://${USER}.test/simple"},
        {"find-links": "/no/such/page.html"},
        {"timeout": "soon"},
        {"keyring-provider": "import"},
        {"an-option-of-a-later-pip": "1"},
    ],
)
def test_what_uv_has_no_equal_of_is_left_to_pip(options: dict[str, str]) -> None:
    with pytest.raises(NoEqual):
        for_uv(PipConfiguration(options), {})


@pytest.mark.parametrize(
    "line",
    ["WARNING: a file can't be read", "global.pre=yes", "global.pre='yes", "global.pre=''+x"],
)
def test_what_pip_says_in_other_words_leaves_the_plan_to_pip(line: str) -> None:
    configuration = parse_configuration(["global.cert='/a.pem'", "", line])
    assert configuration.network_settings == {"PIP_CERT": "/a.pem"}
    with pytest.raises(NoEqual, match="isn't understood"):
        for_uv(configuration, {})


def test_every_option_of_pip_install_that_is_translated_exists() -> None:
    command = [sys.executable, "-m", "pip", "install", "--help"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    missing = {name for name in EQUALS if f"--{name}" not in text}
    assert missing == set()
