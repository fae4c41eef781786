"""Reads what pip's configuration says about an installation, and says the same to uv.

uv reads neither pip.conf nor PIP_*. What it isn't given, such as a folder of wheels or an
index within a company, it wouldn't use, and would fetch gigabytes that lie beside it.
"""

from __future__ import annotations

import ast
import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from parakeet_cli.doctor.repair.indexes import PackageSources
from parakeet_cli.doctor.repair.pip import Pip

# The later one decides: pip's `_update_defaults` in pip/_internal/cli/parser.py.
SECTIONS = ("global", "install", ":env:")
LINE = re.compile(r"(?P<section>:env:|[^.=]+)\.(?P<option>[^=]+)=(?P<value>['\"].*)")
TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})  # pip's strtobool
# pip has two names for this option.
OTHER_NAMES = {"default-timeout": "timeout"}
# What concerns the connection, not what is looked for: for a run that names its index itself.
NETWORK = ("cert", "client-cert", "keyring-provider", "proxy", "retries", "timeout", "trusted-host")


@dataclass(frozen=True, slots=True)
class PipConfiguration:
    """Every option that pip would take for `pip install`, by its name, as it is written.

    `complete` is false where pip said something that isn't understood.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    complete: bool = True

    @property
    def network_settings(self) -> dict[str, str]:
        """Proxies, certificates, timeout and retries, as pip's variables."""
        return {
            f"PIP_{name.upper().replace('-', '_')}": self.options[name]
            for name in NETWORK
            if name in self.options
        }


@dataclass(frozen=True, slots=True)
class UvSettings:
    """The same for uv: lines of a requirements file, flags and variables.

    What may have a password in it is in the file or a variable: arguments are seen by everyone.
    """

    lines: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)


class NoEqual(Exception):
    """An option of pip's that uv has no equal of, so that pip must be asked itself."""


def read_configuration(pip: Pip) -> PipConfiguration:
    """What `pip config list` says: of all files and variables, in pip's own order.

    Raises PipFailed.
    """
    # Unlogged: it may say passwords.
    return parse_configuration(pip.run(["config", "list"], logged=False))


def parse_configuration(lines: Iterable[str]) -> PipConfiguration:
    """Of the lines that `pip config list` prints, what counts for `pip install`."""
    sections: dict[str, dict[str, str]] = {name: {} for name in SECTIONS}
    complete = True
    for line in lines:
        match = LINE.fullmatch(line)
        value = _literal(match["value"]) if match else None
        if match is None or value is None:
            complete = complete and not line.strip()
        # pip ignores an option without a value.
        elif match["section"] in sections and value:
            name = match["option"].strip().lower().replace("_", "-")
            sections[match["section"]][OTHER_NAMES.get(name, name)] = value
    options = {name: value for section in SECTIONS for name, value in sections[section].items()}
    return PipConfiguration(options, complete)


def _literal(text: str) -> str | None:
    """The text in Python's quotes, as pip prints it; None if it isn't one."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return None
    return value if isinstance(value, str) else None


def for_uv(configuration: PipConfiguration, environ: Mapping[str, str]) -> UvSettings:
    """The configuration as uv takes it. Raises NoEqual."""
    if not configuration.complete:
        raise NoEqual("pip's configuration isn't understood")
    lines: list[str] = []
    flags: list[str] = []
    variables = _certificates(environ)
    for name, value in configuration.options.items():
        if name in WITHOUT_EFFECT:
            continue
        translate = EQUALS.get(name)
        if translate is None:
            raise NoEqual(f"uv has no equal of pip's option {name}")
        said = translate(value)
        lines += said.lines
        flags += said.flags
        variables |= said.variables
    return UvSettings(tuple(lines), tuple(flags), variables)


def lines_of_sources(sources: PackageSources) -> tuple[str, ...]:
    """What `PackageSources.arguments` says, as lines of a requirements file. Raises NoEqual."""
    if sources.wheelhouse:
        return ("--no-index", f"--find-links {as_url(sources.wheelhouse)}")
    return (f"--extra-index-url {_url(sources.torch_index)}",) if sources.torch_index else ()


def as_url(place: str) -> str:
    """A folder or file as pip finds it, from the working directory; a URL as it is."""
    return place if "://" in place else Path(absolute(place)).as_uri()


def absolute(place: str) -> str:
    return os.path.abspath(Path(place).expanduser())


def is_true(value: str) -> bool:
    return value.lower() in TRUE


# One function per kind of option: what uv is told


def _index(value: str) -> UvSettings:
    return UvSettings((f"--index-url {_url(value.strip())}",))


def _indexes(value: str) -> UvSettings:
    """Those that pip splits at spaces and line ends."""
    return UvSettings(tuple(f"--extra-index-url {_url(word)}" for word in value.split()))


def _url(text: str) -> str:
    """An index as it may stand in a requirements file, where uv fills in variables."""
    if "://" not in text or "${" in text or len(text.split()) != 1:
        raise NoEqual("an index of pip's is no URL that uv reads")
    return text


def _constraints(value: str) -> UvSettings:
    return UvSettings(tuple(f"-c {as_url(word)}" for word in value.split()))


def _find_links(value: str) -> UvSettings:
    """Folders and pages. uv reads no page that is a file on the disk."""
    for word in value.split():
        if "://" not in word and not Path(absolute(word)).is_dir():
            raise NoEqual(f"uv reads no page of links such as {word}")
    return UvSettings(tuple(f"--find-links {as_url(word)}" for word in value.split()))


def _switch(said: UvSettings) -> Callable[[str], UvSettings]:
    def translate(value: str) -> UvSettings:
        return said if is_true(value) else UvSettings()

    return translate


def _packages(option: str) -> Callable[[str], UvSettings]:
    """Names with commas between them, or `:all:`; not pip's mixtures of them."""

    def translate(value: str) -> UvSettings:
        names = [name.strip() for name in value.split(",") if name.strip()]
        if len(names) > 1 and any(name.startswith(":") for name in names):
            raise NoEqual(f"uv reads {option} {value} in another way")
        return UvSettings(tuple(f"{option} {name}" for name in names if name != ":none:"))

    return translate


def _certificate(value: str) -> UvSettings:
    return UvSettings(variables=_bundle(value))


def _bundle(place: str) -> dict[str, str]:
    place = absolute(place)
    return {"SSL_CERT_DIR" if Path(place).is_dir() else "SSL_CERT_FILE": place}


def _client_certificate(value: str) -> UvSettings:
    return UvSettings(variables={"SSL_CLIENT_CERT": absolute(value)})


def _proxy(value: str) -> UvSettings:
    """For everything: with a proxy of its own, pip doesn't read NO_PROXY."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    said = {name: value for upper in names for name in (upper, upper.lower())}
    return UvSettings(variables={**said, "NO_PROXY": "", "no_proxy": ""})


def _seconds(value: str) -> UvSettings:
    try:
        return UvSettings(variables={"UV_HTTP_TIMEOUT": str(max(1, math.ceil(float(value))))})
    except (ValueError, OverflowError) as error:
        raise NoEqual(f"pip's timeout {value} is no number") from error


def _retries(value: str) -> UvSettings:
    if not value.strip().isdecimal():
        raise NoEqual(f"pip's retries {value} is no number")
    return UvSettings(variables={"UV_HTTP_RETRIES": value.strip()})


def _trusted_hosts(value: str) -> UvSettings:
    return UvSettings(variables={"UV_INSECURE_HOST": " ".join(value.split())})


def _keyring(value: str) -> UvSettings:
    """`auto` asks no keyring here: pip doesn't where it may not ask people."""
    if value == "subprocess":
        return UvSettings(flags=("--keyring-provider", value))
    if value in ("auto", "disabled"):
        return UvSettings()
    raise NoEqual(f"uv has no keyring provider {value}")


def _not_if_true(name: str) -> Callable[[str], UvSettings]:
    def translate(value: str) -> UvSettings:
        if is_true(value):
            raise NoEqual(f"uv has no equal of pip's option {name}")
        return UvSettings()

    return translate


def _certificates(environ: Mapping[str, str]) -> dict[str, str]:
    """The system's certificates, or those of requests' variables, as pip takes them."""
    named = environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE")
    # uv calls this UV_NATIVE_TLS up to 0.10.
    system = {"UV_SYSTEM_CERTS": "true", "UV_NATIVE_TLS": "true"}
    return _bundle(named) if named else system


EQUALS: dict[str, Callable[[str], UvSettings]] = {
    "index-url": _index,
    "extra-index-url": _indexes,
    "find-links": _find_links,
    "no-index": _switch(UvSettings(("--no-index",))),
    "constraint": _constraints,
    "pre": _switch(UvSettings(flags=("--prerelease", "allow"))),
    "no-binary": _packages("--no-binary"),
    "only-binary": _packages("--only-binary"),
    "cert": _certificate,
    "client-cert": _client_certificate,
    "proxy": _proxy,
    "timeout": _seconds,
    "retries": _retries,
    "trusted-host": _trusted_hosts,
    "keyring-provider": _keyring,
    "prefer-binary": _not_if_true("prefer-binary"),
    "no-build-isolation": _not_if_true("no-build-isolation"),
    "ignore-requires-python": _not_if_true("ignore-requires-python"),
    "require-hashes": _not_if_true("require-hashes"),
    "isolated": _not_if_true("isolated"),
}
# What changes neither which files are found nor which of them are chosen.
WITHOUT_EFFECT = frozenset(
    {
        "break-system-packages",
        "cache-dir",
        "compile",
        "config-file",
        "debug",
        "disable-pip-version-check",
        "exists-action",
        "log",
        "no-cache-dir",
        "no-clean",
        "no-color",
        "no-compile",
        "no-input",
        "no-python-version-warning",
        "no-warn-conflicts",
        "no-warn-script-location",
        "progress-bar",
        "python",
        "quiet",
        "require-virtualenv",
        "resume-retries",
        "root-user-action",
        "src",
        "user",
        "verbose",
    }
)
