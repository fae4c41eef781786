"""What the options of `parakeet transcribe` ask for."""

from __future__ import annotations

from dataclasses import dataclass

from parakeet_cli.errors import UsageError
from parakeet_cli.formats import Format, expand_formats
from parakeet_cli.transcribe.pipeline import Options

STDOUT = "-"


@dataclass(frozen=True, slots=True)
class Request:
    """What the options of the command ask for, as they were written."""

    inputs: tuple[str, ...]
    formats: tuple[str, ...]
    folder: str | None
    template: str
    manifest_out: str | None
    allow_partial: bool
    options: Options
    dry_run: bool = False
    trust_model: bool = False

    @property
    def shown(self) -> Format | None:
        """The format that goes to stdout; None where files are written."""
        if self.folder == STDOUT:
            formats = expand_formats(self.formats or ("txt",))
            if len(formats) > 1:
                raise UsageError("-o - writes one format to stdout, and several were asked for.")
            return formats[0]
        if self.formats or self.folder:
            return None
        return expand_formats(("txt",))[0]

    @property
    def written(self) -> tuple[Format, ...]:
        return () if self.shown else expand_formats(self.formats or ("txt",))

    def check(self) -> None:
        """Raise UsageError for options that contradict each other."""
        if self.options.skip_existing and self.options.overwrite:
            raise UsageError("--skip-existing and --overwrite contradict each other.")
