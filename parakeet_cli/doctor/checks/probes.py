"""What the probes of `--deep` saw in the ML interpreter itself."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from difflib import SequenceMatcher

from parakeet_cli.doctor.checks.common import count, repair
from parakeet_cli.doctor.facts import Facts, ProbeResult, Transcribed, Unavailable, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.stack import Stack

NOT_ASKED = "not tried without --deep"
# Of the words. A model may well hear one of a few differently; one whose arithmetic is
# wrong hears nothing, or the same piece over and over.
ENOUGH = 0.5
NO_MEMORY = ("SIGKILL", "MemoryError", "not enough memory", "can't allocate memory")


def import_probe(facts: Facts, stack: Stack) -> Finding:
    """What transcribes was imported in a new process, and has transcribed a sample."""
    check = "import-probe"
    if facts.probes is None:
        return Finding(check, CheckStatus.SKIP, NOT_ASKED)
    finding = _judge(
        check,
        facts,
        stack,
        facts.probes.imports,
        "Reading can't prove that a stack works; importing what transcribes comes close.",
        "imports work, nemo.collections.asr among them",
    )
    if finding.status is not CheckStatus.OK:
        return finding
    transcript = facts.probes.transcript
    if isinstance(transcript, Unavailable):
        detail = join_lines([finding.detail, f"No sample was transcribed: {transcript.reason}"])
        return replace(finding, detail=detail)
    return _judge_transcript(finding, transcript, facts)


def _judge_transcript(finding: Finding, transcript: Transcribed, facts: Facts) -> Finding:
    """The finding of the imports, and what a model made of a clip with known words."""
    sample, result = transcript.sample, transcript.result
    retry = facts.doctor_command("--deep", "--sample", "WAV")
    again = f"another clip with its words beside it: {retry}"
    if not result.ok:
        memory = any(words in result.cause for words in NO_MEMORY)
        return replace(
            finding,
            status=CheckStatus.WARN if memory else CheckStatus.FAIL,
            summary=f"the imports work, but {result.name} failed: {result.cause}",
            why="A stack that can't transcribe is of no use, whatever can be imported."
            if not memory
            else "Whether the stack transcribes is not known: this machine's memory is short.",
            detail=join_lines([result.detail, f"model: {sample.model}", finding.detail]),
            remedy="Close what takes memory, or try a smaller model: "
            + facts.doctor_command("--deep", "--model", "MODEL")
            if memory
            else f"the model's files: {shlex.join(['parakeet', 'models', 'scan', sample.model])}\n"
            f"the stack anew: {facts.doctor_command('--reinstall')}",
        )
    said = join_lines(
        [
            f"{result.name}: works ({result.seconds:.1f} s, {sample.model})",
            f"  said:  {sample.text}",
            f"  heard: {result.said}",
            finding.detail,
        ]
    )
    if agreement(sample.text, result.said) >= ENOUGH:
        summary = f"{finding.summary}; a sample is transcribed"
        return replace(finding, summary=summary, detail=said)
    return replace(
        finding,
        status=CheckStatus.FAIL if sample.certain else CheckStatus.WARN,
        summary=f"the imports work, but a sample is heard wrongly: '{result.said}' for "
        f"'{sample.text}'",
        why="A stack that computes wrongly transcribes wrongly."
        if sample.certain
        else "Whether this model knows these words is not known.",
        detail=said,
        remedy=f"the stack anew: {facts.doctor_command('--reinstall')}"
        if sample.certain
        else again,
    )


def agreement(said: str, heard: str) -> float:
    """The share of words that both have in the same order, 0 to 1; case and marks don't count."""
    left, right = (re.findall(r"[\w']+", text.casefold()) for text in (said, heard))
    matcher = SequenceMatcher(a=left, b=right, autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks())
    return same / max(len(left), len(right), 1)


def gpu_probe(facts: Facts, stack: Stack) -> Finding:
    """A matrix was multiplied on the GPU and the product was right."""
    check = "gpu-probe"
    if facts.probes is None:
        return Finding(check, CheckStatus.SKIP, NOT_ASKED)
    if not require(facts.gpus).present:
        return Finding(check, CheckStatus.SKIP, "no GPU: nvidia-smi is not on PATH or lists none")
    return _judge(
        check,
        facts,
        stack,
        facts.probes.gpu,
        "Only a kernel that ran proves driver, CUDA and torch's kernels together.",
        "a matrix product on the GPU is right",
    )


def _judge(
    check: str,
    facts: Facts,
    stack: Stack,
    results: tuple[ProbeResult, ...],
    why: str,
    good: str,
) -> Finding:
    said = join_lines(
        f"{result.name}: {'works' if result.ok else result.cause} ({result.seconds:.1f} s)"
        + (f"\n{result.detail}" if result.detail and not result.ok else "")
        for result in sorted(results, key=lambda result: result.ok)
    )
    failed = [result for result in results if not result.ok]
    if not results:
        return Finding(check, CheckStatus.UNKNOWN, "no probe ran", why)
    if not failed:
        return Finding(check, CheckStatus.OK, f"{count(len(results), 'probe')}: {good}", why, said)
    first = failed[0]
    return Finding(
        check,
        CheckStatus.FAIL,
        f"{first.name}: {first.cause}"
        + (f" (and {len(failed) - 1} more that fail)" if len(failed) > 1 else ""),
        why,
        said,
        repair(facts),
        "",
        tuple(stage.number for stage in stack.stages) if check == "import-probe" else (),
    )
