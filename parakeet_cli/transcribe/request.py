"""What the options of `parakeet transcribe` ask for."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from parakeet_cli.config import Settings
from parakeet_cli.errors import UsageError
from parakeet_cli.formats import Format, expand_formats
from parakeet_cli.transcribe.inputs.storage import canonical, to_place
from parakeet_cli.transcribe.pipeline.jobs import PipelineOptions
from parakeet_cli.transcribe.run.schedule import Shard

STDOUT = "-"
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """What the options of the command ask for, as they were written."""

    inputs: tuple[str, ...]
    formats: tuple[str, ...]
    folder: str | None
    template: str
    manifest_out: str | None
    allow_partial: bool
    options: PipelineOptions
    dry_run: bool = False
    trust_model: bool = False
    run: str | None = None
    retry_failed: bool = False
    shard: str | None = None
    workers: str | None = None
    ray: bool = False
    ray_address: str | None = None

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

    @property
    def worker_count(self) -> int | None:
        """How many engines there shall be; None for as many as fit. Raises UsageError."""
        workers = self.workers or (AUTO if self.ray else "1")
        if workers == AUTO:
            return None
        if not workers.isdecimal() or int(workers) < 1:
            raise UsageError(f"--workers {workers}: it must be a number from 1, or {AUTO}.")
        return int(workers)

    @property
    def record_to(self) -> Path | None:
        """The manifest of the results."""
        return Path(self.manifest_out).expanduser() if self.manifest_out else None

    @property
    def run_folder(self) -> Path | None:
        """Where the run is kept; each shard has its own."""
        if self.run is None:
            return None
        folder = Path(self.run).expanduser()
        return folder / Shard.parsed(self.shard).folder if self.shard else folder

    def check(self) -> None:
        """Raise UsageError for options that contradict each other."""
        if self.options.skip_existing and self.options.overwrite:
            raise UsageError("--skip-existing and --overwrite contradict each other.")
        if self.run and self.shown:
            raise UsageError(
                "--run goes on with files, and this writes none.",
                hint="Add -f FORMAT or -o DIR, or leave --run out.",
            )
        if self.run and "-" in self.inputs:
            raise UsageError("stdin can't be part of a run: nobody could go on with it.")
        if self.ray_address and not self.ray:
            raise UsageError("--ray-address says where Ray is.", hint="Add --ray to use it.")
        if self.ray and "-" in self.inputs:
            raise UsageError("stdin can't be heard by other machines: leave out --ray, or -.")
        if self.retry_failed and not self.run:
            raise UsageError("--retry-failed needs --run DIR, which knows what failed.")

    def fingerprint(self, settings: Settings) -> str:
        """A hash of everything that decides the outputs, so that a run notices other options.

        Where it is computed, and with how many threads and workers, decides nothing of them.
        """
        layout = asdict(self.options.format_options)
        link_audio = layout.pop("link_audio")
        deciding = {
            "formats": [form.name for form in self.written],
            "folder": canonical(to_place(self.folder or ".")),
            "template": self.template,
            "engine": [settings.engine, settings.model, settings.language, settings.beam_size],
            "sound": [self.options.audio_stream, self.options.channel, self.options.vad],
            # These keys are those of older versions, whose runs must go on.
            "shape": {**layout, "sound": None},
            "html_link_audio": link_audio,
        }
        return hashlib.sha256(json.dumps(deciding, sort_keys=True).encode()).hexdigest()[:16]
