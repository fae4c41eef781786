"""A queue that serves urgent work first, and clients of the same urgency in turn."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
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

    def drop(self, unwanted: Callable[[T], bool] = lambda _: True) -> list[T]:
        """Remove the unwanted items, of all clients, and return them."""
        dropped: list[T] = []
        for clients in self._waiting.values():
            for client, items in list(clients.items()):
                dropped += [item for item in items if unwanted(item)]
                left = deque(item for item in items if not unwanted(item))
                if left:
                    clients[client] = left
                else:
                    del clients[client]
        return dropped
