"""What is controlled, for the dictation that lets itself be and for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Controllable(Protocol):
    """A dictation that waits to be told.

    `state` may be called at any time and from any thread; the others come one at a time
    and raise ParakeetError.
    """

    def begin(self) -> None:
        """Keep the sound from this moment on; nothing where it listens already.

        A model that was unloaded is loaded meanwhile.
        """
        ...

    def finish(self) -> None:
        """Stop listening; returns when what was said is where it was to go."""
        ...

    def discard(self) -> None:
        """Stop listening; what was not inserted yet will not be."""
        ...

    def state(self) -> Mapping[str, object]:
        """`listening` and `loaded` (bool), and what else there is to say.

        JSON can hold it.
        """
        ...

    def unload(self) -> None:
        """Free the model until the next `begin`; nothing while it listens."""
        ...

    def quit(self) -> None:
        """Free everything; not used again."""
        ...
