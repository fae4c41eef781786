"""Runs `parakeet doctor --gpu-report`: notes on stderr, Markdown in a file or on stdout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from parakeet_cli import __version__, console
from parakeet_cli.cli.doctor.request import GPU_REPORT, DoctorRequest
from parakeet_cli.errors import ExitCode, OutputError


def show_gpu_report(request: DoctorRequest, hours: float) -> ExitCode:
    """Write the report; exit 1 unless everything was measured on a GPU.

    Raises EngineUnavailable for a model that --model names and that can't be used.
    """
    from parakeet_cli.cli.doctor.sample import find_subject
    from parakeet_cli.config import load_settings
    from parakeet_cli.doctor.explain.gpu_report import gpu_markdown
    from parakeet_cli.doctor.explain.report import redact
    from parakeet_cli.doctor.measure_gpu import report_gpu
    from parakeet_cli.doctor.probes.throughput import MeasurePlan

    file = request.gpu_report or GPU_REPORT
    _check_writable(file)
    settings = load_settings({"model": request.model}, config=request.config)
    subject = find_subject(settings)
    # A GPU is examined whatever engine is chosen.
    diagnosis = replace(request.diagnosis(), mock=None)
    report = report_gpu(diagnosis, subject, MeasurePlan(hours=hours), console.note)
    text = redact(gpu_markdown(report, __version__))
    _write(file, text)
    if report.obstacle:
        console.note(f"Nothing was measured on a GPU: {report.obstacle.reason}.")
        console.note(f"  {report.obstacle.remedy}")
    elif not report.complete:
        console.note("Not everything could be measured; the report says what, and why.")
    return ExitCode.OK if report.complete else ExitCode.FAILED


def _check_writable(file: str) -> None:
    """Raises OutputError before minutes are spent on measuring."""
    path = Path(file)
    if file != "-" and (path.is_dir() or not path.absolute().parent.is_dir()):
        raise OutputError(
            f"{file} can't be written: "
            + ("it is a folder." if path.is_dir() else "its folder doesn't exist."),
            hint="Name a file: parakeet doctor --gpu-report FILE",
        )


def _write(file: str, text: str) -> None:
    if file == "-":
        console.out(text)
        return
    from parakeet_cli.system.files import atomic_writer

    try:
        with atomic_writer(Path(file)) as stream:
            stream.write(console.printable(text).encode())
    except OSError as error:
        raise OutputError(f"{file} can't be written: {error.strerror or error}.") from error
    console.note(f"Wrote {file}.")
