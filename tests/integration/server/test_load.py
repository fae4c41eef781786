"""Has 100 clients ask at once: nothing but 503 is refused, nobody starves, memory is bounded."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.integration.server.serving import Server, children_of, clip, serving

CLIENTS = 100
MAX_WAITING = 30
# Bytes, of the server and of what it has started. 16 recordings are decoded at once at most, by
# processes of about 60 MB.
MOST_MEMORY = 2_500_000_000


async def ask(server: Server, until: float, least: int) -> Counter[int]:
    """One client, that asks again and again until then, and until it was answered so often."""
    counts: Counter[int] = Counter()
    async with httpx.AsyncClient(timeout=300) as client:
        while counts[200] < least or time.monotonic() < until:
            answer = await client.post(
                f"{server.url}/v1/audio/transcriptions", files={"file": ("a.wav", clip(0.5))}
            )
            counts[answer.status_code] += 1
            if answer.status_code == 503:
                assert answer.json()["error"]["code"] == "server_busy"
                await asyncio.sleep(min(1.0, float(answer.headers["Retry-After"])))
    return counts


def memory_of(pid: int) -> int:
    """Bytes that a process and its children have in memory."""
    own = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096
    return own + sum(memory_of(child) for child in children_of(pid))


def put_under_load(server: Server, seconds: float) -> Counter[int]:
    """The statuses that all clients have seen; each was answered at least twice."""

    async def ask_all() -> list[Counter[int]]:
        until = time.monotonic() + seconds
        return await asyncio.gather(*(ask(server, until, least=2) for _ in range(CLIENTS)))

    counts = sum(asyncio.run(ask_all()), Counter[int]())
    assert set(counts) <= {200, 503}, counts
    assert memory_of(server.process.pid) < MOST_MEMORY
    assert server.left_behind == []
    return counts


@pytest.mark.slow
def test_a_hundred_clients_at_once_are_all_served(tmp_path: Path) -> None:
    with serving(tmp_path, "--max-waiting", str(MAX_WAITING)) as server:
        counts = put_under_load(server, 0.0)
    assert counts[200] >= 2 * CLIENTS
    assert counts[503]


@pytest.mark.soak
@pytest.mark.parametrize("engine", [("mock",), ("whisper", "--model", "tiny.en")])
def test_a_hundred_clients_for_a_minute(tmp_path: Path, engine: tuple[str, ...]) -> None:
    with serving(tmp_path, "--max-waiting", str(MAX_WAITING), "--engine", *engine) as server:
        put_under_load(server, 60.0)
