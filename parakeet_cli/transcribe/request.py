"""The options of `parakeet transcribe`, as values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from parakeet_cli.errors import UsageError
from parakeet_cli.formats import Format, expand_formats
from parakeet_cli.models.registry import MOST_SPEAKERS, look_up
from parakeet_cli.models.types import SPEAKERS
from parakeet_cli.speakers.count import CAM, SpeakerCount
from parakeet_cli.transcribe.inputs.shard import Shard
from parakeet_cli.transcribe.inputs.storage import is_url
from parakeet_cli.transcribe.pipeline.interrupts import GRACE_SECONDS
from parakeet_cli.transcribe.pipeline.options import PipelineOptions

STDOUT = "-"
_AS_MANY_AS_FIT = "auto"  # of --workers and --feeders


def refuse_contradictions(
    channels: str | None, channel: int | None, text: str | None, *, speakers: str | None = None
) -> None:
    """Raise UsageError for values of --channels and other options that exclude each other."""
    if channels is None:
        return
    if channels != "split":
        raise UsageError(f"--channels {channels}: it must be split. --channel N picks one.")
    if channel is not None:
        raise UsageError("--channels split and --channel contradict each other.")
    if text is not None:
        raise UsageError("--align puts one text on one clock: leave out --channels split.")
    if speakers is not None:
        raise UsageError(
            "--channels split takes each channel for one speaker, and --speakers finds several "
            "in one: leave one of them out."
        )


def refuse_names_alone(names: str | None, *, speakers: bool) -> None:
    """Raise UsageError if speakers are named by a file and nothing finds any."""
    if names is not None and not speakers:
        raise UsageError(
            f"--speaker-names {names} names speakers, and nothing tells them apart.",
            hint="Add --speakers, or --channels split where each has a channel.",
        )


def refuse_unfit_speakers_model(
    asked: str | None, model: str, speakers: SpeakerCount | None
) -> None:
    """Raise UsageError for a model that nothing uses, or that knows too few speakers apart.

    `asked` is what this command asks for, and `model` what the settings have.
    """
    if asked is not None and speakers is None:
        raise UsageError(
            f"--speakers-model {asked} tells speakers apart, and nothing asks who spoke.",
            hint="Add --speakers.",
        )
    if speakers is None or look_up(model, SPEAKERS) is None:
        return
    if (speakers.most or 0) > MOST_SPEAKERS:
        raise UsageError(
            f"The model {model} tells at most {MOST_SPEAKERS} speakers apart, and there may be "
            f"{speakers.most} by --speakers.",
            hint=f"--speakers-model {CAM} has no such limit.",
        )


@dataclass(frozen=True, slots=True)
class TranscribeRequest:
    """The options of the command, as they were written."""

    inputs: tuple[str, ...]
    formats: tuple[str, ...] = ()
    folder: str | None = None  # of the outputs; `-` is stdout, None the working folder
    template: str = "{filename}"
    manifest_out: str | None = None
    every_stream: bool = False  # of audio, each as an input of its own
    all_files: bool = False  # of folders, whatever their suffixes
    allow_partial: bool = False
    options: PipelineOptions = field(default_factory=PipelineOptions)
    dry_run: bool = False
    trust_model: bool = False
    run: str | None = None
    retry_failed: bool = False
    yes: bool = False  # never ask whether to transcribe again what is done
    shard: str | None = None
    workers: str | None = None
    feeders: str = _AS_MANY_AS_FIT
    ray: bool = False
    ray_address: str | None = None
    wait: float = 30.0  # seconds for the surroundings to recover
    progress: str = "auto"
    log: str | None = None  # a file that gets a copy of what is said
    grace: float = GRACE_SECONDS  # for what is in work, at SIGTERM and SIGHUP

    @property
    def stdout_format(self) -> Format | None:
        """The format that goes to stdout, or None if files are written. Raises UsageError."""
        if self.folder == STDOUT:
            formats = expand_formats(self.formats or ("txt",))
            if len(formats) > 1:
                raise UsageError("-o - writes one format to stdout, and several were asked for.")
            return formats[0]
        if self.formats or self.folder:
            return None
        return expand_formats(("txt",))[0]

    @property
    def file_formats(self) -> tuple[Format, ...]:
        """The formats that are written to files; none if the text goes to stdout."""
        return () if self.stdout_format else expand_formats(self.formats or ("txt",))

    @property
    def worker_count(self) -> int | None:
        """How many engines to run; None means as many as fit. Raises UsageError."""
        workers = self.workers or (_AS_MANY_AS_FIT if self.ray else "1")
        if workers == _AS_MANY_AS_FIT:
            return None
        return _count("--workers", workers)

    @property
    def feeder_count(self) -> int | None:
        """How many processes feed an engine; None is for its device. Raises UsageError."""
        return None if self.feeders == _AS_MANY_AS_FIT else _count("--feeders", self.feeders)

    @property
    def manifest_path(self) -> Path | None:
        return Path(self.manifest_out).expanduser() if self.manifest_out else None

    @property
    def run_folder(self) -> Path | None:
        """The folder of the run; each shard has its own. Raises UsageError."""
        if self.run is None:
            return None
        folder = Path(self.run).expanduser()
        return folder / Shard.parse(self.shard).folder if self.shard else folder

    def check(self) -> None:
        """Raise UsageError for options that contradict each other."""
        _ = self.worker_count, self.feeder_count  # either may be wrong
        if self.options.skip_existing and self.options.overwrite:
            raise UsageError("--skip-existing and --overwrite contradict each other.")
        if self.run and is_url(self.run):
            raise UsageError(
                f"--run {self.run}: a journal is added to and locked, which no storage can do.",
                hint="Name a folder on a disk; inputs and outputs may be on a storage.",
            )
        if self.run and self.stdout_format:
            raise UsageError(
                "--run needs output files, but this command only prints to stdout.",
                hint="Add -f FORMAT or -o DIR, or leave --run out.",
            )
        if self.run and "-" in self.inputs:
            raise UsageError(
                "stdin can't be part of a --run, because it can't be read again when the run "
                "resumes."
            )
        if self.every_stream and "-" in self.inputs:
            raise UsageError(
                "The audio streams of stdin aren't known before it is read, so --audio-stream all "
                "can't divide it.",
                hint="Save it to a file first, or choose a stream by its number.",
            )
        if self.ray_address and not self.ray:
            raise UsageError("--ray-address needs --ray.", hint="Add --ray to use the cluster.")
        if self.ray and "-" in self.inputs:
            raise UsageError("Other machines can't read stdin: leave out --ray, or -.")
        if self.retry_failed and not self.run:
            raise UsageError("--retry-failed needs --run DIR, which records what failed.")


def _count(option: str, text: str) -> int:
    if not re.fullmatch(r"0*[1-9][0-9]{0,5}", text):
        raise UsageError(f"{option} {text}: it must be a number from 1, or {_AS_MANY_AS_FIT}.")
    return int(text)
