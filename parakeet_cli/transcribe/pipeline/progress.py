"""What a batch reports while it runs, and to whom."""

from __future__ import annotations

from typing import Protocol

from parakeet_cli.transcribe.inputs.find import Job
from parakeet_cli.transcript import FileResult


class ProgressView(Protocol):
    """Shows the progress of jobs. Seconds are on the source's clock."""

    def started(self, job: Job, duration: float | None) -> None: ...

    def advanced(self, job: Job, seconds: float) -> None: ...

    def ended(self, job: Job, result: FileResult) -> None: ...


class BatchView(ProgressView, Protocol):
    """Shows the progress of a whole batch, and takes the texts that go to stdout."""

    def planned(self, seconds: float) -> None:
        """All files together have that many seconds of audio, 0 if that isn't known.

        The work begins with the first call; another one corrects the number.
        """
        ...

    def show_text(self, text: str) -> None:
        """Show a transcript, in the order of the inputs. Raises OutputError."""
        ...


class SilentView:
    """Shows nothing."""

    def started(self, job: Job, duration: float | None) -> None:
        pass

    def advanced(self, job: Job, seconds: float) -> None:
        pass

    def ended(self, job: Job, result: FileResult) -> None:
        pass

    def planned(self, seconds: float) -> None:
        pass

    def show_text(self, text: str) -> None:
        pass
