"""Gives the tests a server that they share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.server.serving import Server, serving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the engine mock, for all tests of a module."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running
