"""The interface between the daemon and the dictation it controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Controllable(Protocol):
    """A dictation that starts and stops on request.

    `state` may be called at any time and from any thread; the other methods are called one
    at a time and raise ParakeetError.
    """

    def begin(self, profile: str | None = None) -> None:
        """Record from now on, with that profile; does nothing if it is listening already.

        A model that was unloaded is loaded meanwhile.
        """
        ...

    def finish(self) -> None:
        """Stop listening; returns once the text is delivered."""
        ...

    def discard(self) -> None:
        """Stop listening, and drop the text that was not inserted yet."""
        ...

    def state(self) -> Mapping[str, object]:
        """`listening` and `loaded` (bool), and other values that JSON can hold."""
        ...

    def check(self) -> None:
        """Renew what stands ready and has ended; called a few times a second."""
        ...

    def unload(self) -> None:
        """Free the model until the next `begin`; does nothing while it listens."""
        ...

    def quit(self) -> None:
        """Free everything; it is not used again."""
        ...
