"""The options of `parakeet serve`, as values, and what is refused before anything is loaded."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from parakeet_cli.config.settings import Settings
from parakeet_cli.errors import UsageError
from parakeet_cli.system.regular_files import read_regular

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8178
MAX_UPLOAD_MB = 1000
MAX_WAITING = 100
MAX_PROMPT = 8000  # characters
_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port to listen at; port 0 is any that is free."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The keys that clients must name one of; none means that everybody may ask."""

    keys: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.keys)

    def number_of(self, given: str) -> int | None:
        """The position of a key, None for one that isn't valid.

        Every key is compared, each in a time that doesn't depend on how much of it is right.
        """
        found = None
        for number, key in enumerate(self.keys):
            if hmac.compare_digest(key, given.encode("utf-8", "surrogatepass")):
                found = number
        return found


@dataclass(frozen=True, slots=True)
class ServeRequest:
    """The options of the command."""

    settings: Settings
    address: Address
    keys: ApiKeys = ApiKeys()
    allowed_hosts: tuple[str, ...] = ()
    wyoming: Address | None = None
    allowed_clients: tuple[Network, ...] = ()  # of Wyoming
    max_upload: int = MAX_UPLOAD_MB * 1_000_000  # bytes
    max_waiting: int = MAX_WAITING  # requests, those in work among them
    grace: float = 30.0  # seconds for what is in work at the end
    log_text: bool = False
    trust_model: bool = False

    def __post_init__(self) -> None:
        if not self.address.is_loopback and not self.keys:
            raise UsageError(
                f"At {self.address} anybody who reaches this machine could use the engine.",
                hint="Add --api-key FILE (a file with a line that clients send as their key), or "
                "leave out --host.",
            )
        if self.wyoming and not self.wyoming.is_loopback and not self.allowed_clients:
            raise UsageError(
                f"At {self.wyoming} anybody who reaches this machine could use the engine: "
                "Wyoming has no keys.",
                hint="Say who may connect, such as --allow-client 192.168.1.20 or "
                "--allow-client 192.168.1.0/24; or use 127.0.0.1.",
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that host."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() in _LOOPBACK_NAMES


def parse_address(option: str, text: str, usual_port: int | None = None) -> Address:
    """An address from `HOST:PORT`, `[::1]:PORT` or `tcp://HOST:PORT`. Raises UsageError."""
    host, colon, port = text.removeprefix("tcp://").rpartition(":")
    if not colon and usual_port is not None:
        host, port = port, str(usual_port)
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{option} {text}: it must be a host and a port, such as 127.0.0.1:10300.")
    return Address(host, int(port))


def parse_networks(option: str, texts: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and networks, `192.168.1.0/24`. Raises UsageError."""
    networks = []
    for text in texts:
        try:
            networks.append(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise UsageError(
                f"{option} {text}: it must be an address or a network, such as 192.168.1.0/24."
            ) from None
    return tuple(networks)


def read_keys(path: str) -> ApiKeys:
    """The keys in a file, one a line; empty lines and those with # in front are none.

    Raises UsageError for a file without a key, or that can't be read, and for a key that no header
    can hold.
    """
    try:
        text = read_regular(Path(path).expanduser()).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it isn't UTF-8"
        raise UsageError(f"--api-key {path}: {reason}.") from None
    lines = (line.strip() for line in text.splitlines())
    given = [line for line in lines if line and not line.startswith("#")]
    if not all(line.isascii() and line.isprintable() for line in given):
        raise UsageError(
            f"--api-key {path}: a key in it has characters that no client can send.",
            hint="ASCII letters and digits are safe, such as what `openssl rand -hex 32` prints.",
        )
    keys = tuple(line.encode() for line in given)
    if not keys:
        raise UsageError(
            f"--api-key {path}: there is no key in that file.",
            hint="Write one into it, such as what `openssl rand -hex 32` prints.",
        )
    return ApiKeys(keys)


def readable_by_others(path: str) -> bool:
    """Whether other users of this machine can read the file."""
    return bool(Path(path).expanduser().stat().st_mode & 0o044)
