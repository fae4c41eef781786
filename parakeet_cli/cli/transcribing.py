"""What `parakeet transcribe` does once its options are known, and what it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from parakeet_cli import console
from parakeet_cli.audio.media import probe_duration, warm_up
from parakeet_cli.cli.progress import make_view
from parakeet_cli.cli.summary import show_summary
from parakeet_cli.config import Settings
from parakeet_cli.engines import Choice, choose, make_engine
from parakeet_cli.engines.base import Engine, EngineOptions
from parakeet_cli.errors import ExitCode, UsageError
from parakeet_cli.formats import Format, expand_formats
from parakeet_cli.formats.manifest import earlier_lines, manifest_line
from parakeet_cli.transcribe.inputs import STDIN_NAME, Job, find_jobs, is_regular
from parakeet_cli.transcribe.outputs import atomic_writer, check_apart, plan_outputs
from parakeet_cli.transcribe.pipeline import Options, transcribe_jobs
from parakeet_cli.transcript import FileResult, Status

STDOUT = "-"
_LANES_AT_MOST = 64  # threads: more only wait for the one that decodes


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


def run(request: Request, settings: Settings) -> int:
    """The exit code. Raises ParakeetError for what stops everything."""
    for warning in settings.warnings:
        console.info(f"Warning: {warning}")
    if request.options.skip_existing and request.options.overwrite:
        raise UsageError("--skip-existing and --overwrite contradict each other.")
    shown = request.shown
    jobs = find_jobs(request.inputs)
    folder = Path(request.folder or ".").expanduser()
    planned = plan_outputs(jobs, request.written, folder, request.template)
    record_to = Path(request.manifest_out).expanduser() if request.manifest_out else None
    if record_to is not None:
        check_apart(record_to, request.inputs, planned)
    if any(job.error is None for job in jobs):
        warm_up()  # the decoder starts while the engine is being imported
    choice = choose(settings.engine, settings.origins.get("engine", "default"), settings)
    engine = _engine(choice, settings, jobs)
    results: list[FileResult] = []
    printed = 0
    try:
        with (
            _manifest(record_to) as record,
            make_view(len(jobs)) as view,
        ):
            for result in transcribe_jobs(planned, engine, request.options, view):
                if shown is not None and result.transcript is not None:
                    view.print(_text(shown, result, request.options), first=not printed)
                    printed += 1
                record(result)
                results.append(_without_transcript(result))
    except KeyboardInterrupt:
        _say_how_to_go_on(results, len(jobs), bool(request.written))
        return ExitCode.INTERRUPTED
    show_summary(results, many=len(jobs) > 1)
    return _exit_code(results, allow_partial=request.allow_partial)


def _engine(choice: Choice, settings: Settings, jobs: Sequence[Job]) -> Engine:
    options = EngineOptions(
        model=settings.model,
        device=settings.device,
        language=settings.language,
        beam_size=settings.beam_size,
        threads=settings.threads,
        offline=settings.offline,
        ml_python=settings.ml_python,
        progress=console.shows_progress(),
    )
    engine = make_engine(choice.name, options, lanes=_lanes(options, jobs))
    info = engine.info
    console.info(f"Engine: {info.name} {info.model} on {info.device} ({choice.reason}).")
    return engine


def _lanes(options: EngineOptions, jobs: Sequence[Job]) -> int:
    """One lane with every core where there is only one chunk to hear, else one a core."""
    usable = [job for job in jobs if job.error is None]
    if len(usable) == 1 and usable[0].name != STDIN_NAME:
        path = usable[0].path
        duration = probe_duration(path) if is_regular(path) else None
        if duration is not None and duration <= 30.0:
            return 1
    return min(options.cores, _LANES_AT_MOST)


def _text(shown: Format, result: FileResult, options: Options) -> str:
    assert result.transcript is not None
    return shown.render(result.transcript, options.shape)


def _without_transcript(result: FileResult) -> FileResult:
    """What the summary needs: a thousand transcripts are not kept until the end."""
    transcript = result.transcript
    return replace(result, transcript=replace(transcript, segments=()) if transcript else None)


@contextmanager
def _manifest(path: Path | None) -> Iterator[Callable[[FileResult], None]]:
    """What takes each result for the manifest; an interrupted run keeps what it has.

    A skipped file keeps the line that an earlier run wrote, and the text in it.
    """
    if path is None:
        yield lambda result: None
        return
    earlier = earlier_lines(path)

    def line(result: FileResult) -> str:
        known = earlier.get(result.source) if result.status is Status.SKIPPED else None
        return known or manifest_line(result)

    with atomic_writer(path) as stream:
        try:
            yield lambda result: stream.writelines([line(result)])
        except KeyboardInterrupt as interrupt:
            pressed: KeyboardInterrupt | None = interrupt
        else:
            pressed = None
    if pressed is not None:
        raise pressed


def _say_how_to_go_on(results: Sequence[FileResult], total: int, writes: bool) -> None:
    done = sum(result.status in (Status.OK, Status.PARTIAL, Status.SKIPPED) for result in results)
    console.note(f"Interrupted: {done} of {total} files are done and kept.")
    if writes:
        console.note("  The same command with --skip-existing, and not --overwrite, goes on.")


def _exit_code(results: Sequence[FileResult], *, allow_partial: bool) -> ExitCode:
    accepted = {Status.OK, Status.SKIPPED} | ({Status.PARTIAL} if allow_partial else set())
    return ExitCode.OK if all(result.status in accepted for result in results) else ExitCode.FAILED
