"""Refuses requests of strangers before anything of them is read: Host, Origin and key."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from parakeet_cli.server.http.errors import ApiError
from parakeet_cli.server.request import Address, ApiKeys, is_loopback

# Without a key: whether the server runs, and a page that holds no secret.
PUBLIC = frozenset({"/", "/page.js", "/worklet.js", "/health"})
_WILDCARDS = frozenset({"0.0.0.0", "::", ""})
_KEY_PROTOCOL = "openai-insecure-api-key."  # OpenAI's way for browsers, which can't set headers
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?")
CLIENT = "parakeet.client"  # the scope's key for who asks, as the queue counts clients


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may ask."""

    address: Address
    keys: ApiKeys
    allowed_hosts: frozenset[str]

    @classmethod
    def of(cls, address: Address, keys: ApiKeys, allowed_hosts: Iterable[str]) -> Policy:
        return cls(address, keys, frozenset(host.lower() for host in allowed_hosts))

    def check(self, scope: Scope) -> None:
        """Raise ApiError for what is refused; else name the client in the scope."""
        headers = Headers(scope=scope)
        self._check_host(headers)
        self._check_origin(headers)
        number = None if scope["path"] in PUBLIC else self._check_key(headers)
        scope[CLIENT] = _client(scope, number)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        name = _host_of(hosts[0]) if len(hosts) == 1 else None
        if name is None or not self._is_ours(name):
            raise ApiError(
                421,
                "This server doesn't answer for that host; --allowed-host NAME allows one.",
                code="host_not_allowed",
            )

    def _is_ours(self, name: str) -> bool:
        if name in self.allowed_hosts or is_loopback(name) or name == self.address.host.lower():
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False  # a name that anybody could point to this address
        return self.address.host in _WILDCARDS

    def _check_origin(self, headers: Headers) -> None:
        """A page of another site must not use a server that only this machine reaches."""
        origin = headers.get("origin")
        if origin is None:
            return
        try:
            place = urlsplit(origin).netloc.lower()
        except ValueError:
            place = ""
        if not place or place != headers["host"].lower():
            raise ApiError(
                403, "Pages of other sites may not use this server.", code="origin_not_allowed"
            )

    def _check_key(self, headers: Headers) -> int | None:
        if not self.keys:
            return None
        number = self.keys.number_of(_given_key(headers))
        if number is None:
            raise ApiError(
                401,
                "A valid key is needed: send `Authorization: Bearer KEY`.",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        return number


class Guard:
    """Asks the policy first, for HTTP and for WebSockets."""

    def __init__(self, app: ASGIApp, policy: Policy) -> None:
        self._app, self._policy = app, policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            try:
                self._policy.check(scope)
            except ApiError as error:
                await _refuse(error, scope, receive, send)
                return
        await self._app(scope, receive, send)


async def _refuse(error: ApiError, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http":
        await error.response()(scope, receive, send)
        return
    await receive()  # the handshake
    await send({"type": "websocket.close", "code": 1008, "reason": str(error)[:120]})


def _host_of(header: str) -> str | None:
    """The name in a Host header without its port; None for what is no host.

    Nothing else may be in it: the URL of the request is made of it.
    """
    found = _HOST.fullmatch(header)
    return found[1].removeprefix("[").removesuffix("]").lower() if found else None


def _given_key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    for protocol in headers.get("sec-websocket-protocol", "").split(","):
        if protocol.strip().startswith(_KEY_PROTOCOL):
            return protocol.strip().removeprefix(_KEY_PROTOCOL)
    return ""


def _client(scope: Scope, key: int | None) -> str:
    """Who asks: the key and the address; on this machine, where all have one, the connection."""
    host, port = scope.get("client") or ("", 0)
    name = f"{host}:{port}" if is_loopback(host) else host
    return name if key is None else f"{key}@{name}"
