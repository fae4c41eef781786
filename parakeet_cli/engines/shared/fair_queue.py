"""A queue that serves urgent work first, and clients of the same urgency in turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from enum import IntEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class Priority(IntEnum):
    """The lowest number comes first."""

    INTERACTIVE = 0  # someone waits for the text
    BATCH = 1


class FairQueue(Generic[T]):
    """Items of clients; each client gets one turn before another gets its second.

    It does no locking: its owner does.
    """

    def __init__(self) -> None:
        self._waiting: dict[Priority, OrderedDict[str, deque[T]]] = {
            priority: OrderedDict() for priority in Priority
        }

    def __len__(self) -> int:
        return sum(len(items) for clients in self._waiting.values() for items in clients.values())

    def put(self, item: T, client: str, priority: Priority) -> None:
        """Add an item at the end of its client's."""
        self._waiting[priority].setdefault(client, deque()).append(item)

    def pop(self, *, passing: frozenset[str] = frozenset()) -> T | None:
        """Take the next item, of none of the clients `passing`; None if there is none."""
        for priority in Priority:
            clients = self._waiting[priority]
            client = next((one for one in clients if one not in passing), None)
            if client is None:
                continue
            items = clients.pop(client)
            item = items.popleft()
            if items:
                clients[client] = items  # behind the others
            return item
        return None

    def peek(self) -> T | None:
        """The item that `pop` would take."""
        for clients in self._waiting.values():
            for items in clients.values():
                return items[0]
        return None

    def drop(self, client: str) -> list[T]:
        """Remove what waits for a client, and return it."""
        return [item for clients in self._waiting.values() for item in clients.pop(client, deque())]

    def remove(self, item: T, client: str) -> bool:
        """Remove one item of a client; False if it doesn't wait."""
        for clients in self._waiting.values():
            items = clients.get(client)
            if items is not None and item in items:
                items.remove(item)
                if not items:
                    del clients[client]
                return True
        return False

    def clear(self) -> list[T]:
        """Remove everything, and return it."""
        return [
            item
            for clients in self._waiting.values()
            for client in list(clients)
            for item in clients.pop(client)
        ]
