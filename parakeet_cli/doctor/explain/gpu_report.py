"""Writes Markdown about a GPU: what it is, what torch and NeMo make of it, how fast it is."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from parakeet_cli.doctor.checks.common import pip_command
from parakeet_cli.doctor.checks.gpu import arch_range
from parakeet_cli.doctor.explain.report import markdown_cell
from parakeet_cli.doctor.facts import Facts, Gpus, ProbeResult, TorchBuild, Unavailable
from parakeet_cli.doctor.measure_gpu import GpuReport
from parakeet_cli.doctor.probes.throughput import HOURS, LOAD
from parakeet_cli.doctor.stack.stack import NEMO
from parakeet_cli.doctor.stack.torch_builds import runs_on

NO_GRAPHS_IN_HEAD = "none (a CTC head has no loop that they would run)"
GPU_ID = re.compile(r"\b(GPU|MIG)-(?:GPU-)?[0-9a-f]{8}[0-9a-f/-]*")
NO_CUDA_PYTHON = "not installed: without it NeMo can't run its decoding loops inside a CUDA graph. "


def gpu_markdown(report: GpuReport, version: str, now: datetime | None = None) -> str:
    """The whole report without the ids of GPUs, and otherwise not yet redacted."""
    text = "\n".join(_lines(report, version, now or datetime.now(UTC))) + "\n"
    return GPU_ID.sub(r"\1-<id>", text)


def _lines(report: GpuReport, version: str, now: datetime) -> Iterator[str]:
    yield from ("# GPU report", "")
    yield f"- parakeet {version} on Python {platform.python_version()}, {platform.platform()}"
    yield f"- {now:%Y-%m-%d %H:%M} UTC"
    yield f"- {_outcome(report)}"
    yield from _left_out(report)
    yield from _gpu(report)
    yield from _stack(report)
    yield from _model(report)
    yield from _throughput(report)
    yield from _hours(report)


def _outcome(report: GpuReport) -> str:
    if not report.measured:
        reason = report.obstacle.reason if report.obstacle else _first_failure(report)
        return f"**Nothing was measured on a GPU**: {reason}."
    loaded = report.step(LOAD)
    assert loaded is not None
    rest = "" if report.complete else ", but not everything: see below"
    return f"**Measured on {loaded.values['gpu']}** ({loaded.values['device']}){rest}."


def _first_failure(report: GpuReport) -> str:
    failed = next((one for one in report.steps if not one.ok), None)
    return f"{failed.name} failed: {failed.cause}" if failed else "torch chose another device"


def _left_out(report: GpuReport) -> Iterator[str]:
    if not report.left_out:
        return
    yield from ("", "## What was left out", "")
    by_reason: dict[str, list[str]] = {}
    for name, why in report.left_out:
        by_reason.setdefault(why, []).append(name)
    rows = [(", ".join(names), why) for why, names in by_reason.items()]
    yield from _table(("steps", "why"), rows)
    if report.obstacle:
        yield from ("", "What to type:", "", "```", report.obstacle.remedy, "```")
    for one in report.steps:
        if not one.ok and one.detail:
            yield from ("", f"{one.name}:", "", "```", one.detail, "```")


def _gpu(report: GpuReport) -> Iterator[str]:
    yield from ("", "## GPU", "")
    gpus = report.facts.gpus
    if isinstance(gpus, Unavailable) or not gpus.devices:
        yield "No GPU was found."
        return
    yield from _table(
        ("GPU", "compute capability", "driver", "memory"),
        [(gpu.name, f"{gpu.capability} ({gpu.sm})", gpu.driver, gpu.memory)
         for gpu in gpus.devices],
    )  # fmt: skip
    yield ""
    yield f"- The driver supports CUDA up to {gpus.cuda or 'an unknown version'}."
    if gpus.kernel_module:
        yield f"- Kernel module: {gpus.kernel_module}"
    yield f"- MIG: {'; '.join(report.mig) or 'no instances'}"
    visible = report.facts.variables.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        yield f"- CUDA_VISIBLE_DEVICES={visible}"


def _stack(report: GpuReport) -> Iterator[str]:
    facts = report.facts
    yield from ("", "## torch and NeMo", "")
    yield f"- ML interpreter: `{facts.interpreter.executable}`, Python {facts.interpreter.version}"
    yield f"- torch: {_torch(facts.torch)}"
    if isinstance(facts.torch, TorchBuild) and isinstance(facts.gpus, Gpus):
        yield from _kernels(facts.torch, facts.gpus)
    yield f"- NeMo: {_version(facts, NEMO) or 'not installed'}"
    install = pip_command(facts, "install", "cuda-python>=12.3,<13")
    yield f"- cuda-python: {_cuda_python(facts) or f'{NO_CUDA_PYTHON}`{install}`'}"
    yield from ("", "What the doctor's checks found:", "")
    rows = [(one.id, one.status.value, one.summary) for one in report.findings]
    yield from _table(("check", "status", "what was found"), rows)


def _torch(build: TorchBuild | Unavailable | None) -> str:
    if build is None:
        return "not installed"
    if isinstance(build, Unavailable):
        return build.reason
    if build.cuda is None:
        return f"{build.version}, a CPU build"
    archs = " ".join(build.arch_list) or "unknown"
    return f"{build.version} for CUDA {build.cuda}, with kernels for {archs}"


def _kernels(build: TorchBuild, gpus: Gpus) -> Iterator[str]:
    for gpu in gpus.devices:
        arch = runs_on(gpu, build.arch_list)
        if arch is None:
            yield f"- {gpu.name}: torch has no kernels for {gpu.sm} ({arch_range(build.arch_list)})"
        else:
            yield f"- {gpu.name} ({gpu.sm}) runs torch's kernels for `{arch}`"


def _cuda_python(facts: Facts) -> str:
    version, bindings = _version(facts, "cuda-python"), _version(facts, "cuda-bindings")
    return f"{version}, with cuda-bindings {bindings or 'missing'}" if version else ""


def _version(facts: Facts, name: str) -> str | None:
    dist = facts.installed(name)
    return dist.version if dist else None


def _model(report: GpuReport) -> Iterator[str]:
    yield from ("", "## Model", "", f"- {report.subject.name}")
    if report.subject.reason:
        yield f"- {report.subject.reason}"
    loaded = report.step(LOAD)
    if loaded is None:
        yield "- Not loaded."
        return
    facts = loaded.values
    yield (
        f"- {facts['class']}, loaded on {facts['device']} in {facts['load_seconds']:.1f} s, with "
        f"{facts['memory'] / 2**20:.0f} MiB of the GPU"
    )
    yield f"- Precision of the encoder and the decoder: {facts['precision']}"
    if facts["capability"]:
        yield f"- torch: compute capability {facts['capability']}; {' '.join(facts['archs'])}"
    yield f"- CUDA graphs: {_graphs(report.steps)}"
    yield f"- {facts['clips']} clips, {facts['clips_seconds'] / 60:.0f} minutes, longest first"


def _graphs(steps: Sequence[ProbeResult]) -> str:
    timed = [one.values for one in steps if one.ok and "captures" in one.values]
    captured = sum(values["captures"] + values.get("captures_before", 0) for values in timed)
    mode, reason = timed[-1]["graph_mode"], timed[-1]["no_graphs"]
    if mode is None and reason is None:
        return NO_GRAPHS_IN_HEAD
    return f"{mode or 'none'}, {captured} captured" + (f" ({reason})" if reason else "")


def _throughput(report: GpuReport) -> Iterator[str]:
    yield from ("", "## Throughput by batch size", "")
    if not report.batches:
        yield "Not run."
        return
    yield "RTFx is seconds of audio per second. The audio is in memory, and loading isn't counted."
    yield ""
    rows = []
    for one in report.batches:
        values = one.values
        rows.append(
            (
                _size(values),
                f"{values['rtfx']:.1f}",
                f"{values['audio_seconds']:.0f}",
                f"{values['wall_seconds']:.2f}",
                _mebibytes(values["peak_memory"]),
                f"{values['captures_before']} + {values['captures']}",
            )
        )
    yield from _table(
        ("batch", "RTFx", "audio, s", "time, s", "peak GPU memory, MiB",
         "graphs captured, first batch + later"),
        rows,
    )  # fmt: skip


def _size(values: Mapping[str, Any]) -> str:
    asked, largest = values["batch"], values["largest"]
    return str(asked) if largest >= asked else f"{asked} (memory for {largest})"


def _hours(report: GpuReport) -> Iterator[str]:
    length = f"{report.plan.hours:g} h"
    yield from ("", f"## {length} of audio, in chunks of 5 to 120 s", "")
    hours = report.step(HOURS)
    if hours is None:
        yield "Not run."
        return
    values = hours.values
    yield (
        f"- RTFx {values['rtfx']:.1f}: {values['audio_seconds'] / 3600:.2f} hours in "
        f"{values['wall_seconds']:.0f} s, in {values['batches']} batches"
    )
    yield (
        "- Memory, the highest of the second tenth and of the last: "
        f"{_pair(values['ram'])} MiB of RAM, {_pair(values['gpu_memory'])} MiB of the GPU "
        f"(peak {_mebibytes(values['peak_memory'])})"
    )
    yield f"- CUDA graphs captured: {values['captures']}"


def _pair(values: Sequence[float]) -> str:
    return " and ".join(f"{value:.0f}" for value in values)


def _mebibytes(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(markdown_cell(cell) for cell in row)} |"
