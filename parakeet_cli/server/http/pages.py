"""Serves the page for a try, with a policy that lets it talk to this server alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


_STATIC = (
    ("/", "page.html", "text/html"),
    ("/page.js", "page.js", "text/javascript"),
    ("/worklet.js", "worklet.js", "text/javascript"),
)


def page_routes() -> list[Route]:
    """A route for each file of the page."""
    return [Route(path, _static(name, kind), methods=["GET"]) for path, name, kind in _STATIC]


def _static(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    async def handle(request: Request) -> Response:
        text = files(__package__).joinpath(name).read_text(encoding="utf-8")
        headers = {"Content-Security-Policy": _POLICY, "X-Content-Type-Options": "nosniff"}
        return Response(text, headers=headers, media_type=media_type)

    return handle
