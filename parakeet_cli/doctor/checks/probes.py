"""Checks what the probes of `--deep` found in the ML interpreter itself."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from difflib import SequenceMatcher

from parakeet_cli.doctor.checks import environment, hiding
from parakeet_cli.doctor.checks.common import CheckContext, count, repair_remedy
from parakeet_cli.doctor.facts import Facts, ProbeResult, SampleResult, Unavailable, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.torch_builds import hide_command

SCRIPT = "import_modules"  # the name of a result that came before any import began
NOT_REQUESTED = "not tried without --deep"
# The share of the words. A working model may get one of a few words wrong; one whose
# arithmetic is wrong returns nothing, or the same token over and over.
ENOUGH_AGREEMENT = 0.5
OUT_OF_MEMORY = ("SIGKILL", "MemoryError", "not enough memory", "can't allocate memory")


def import_probe(context: CheckContext) -> Finding:
    """What transcribes can be imported in a new process, and has transcribed a sample."""
    probes = context.facts.probes
    if probes is None:
        return Finding("import-probe", CheckStatus.SKIP, NOT_REQUESTED)
    finding = _check_results(
        context,
        Finding(
            "import-probe",
            CheckStatus.OK,
            "imports work, nemo.collections.asr among them",
            "Reading files can't prove that a stack works; importing what transcribes almost does.",
            stages=tuple(stage.number for stage in context.stack.stages),
        ),
        probes.imports,
    )
    if finding.status is CheckStatus.FAIL:
        begun = any(one.ok or one.name != SCRIPT for one in probes.imports)
        if not begun and not environment.surroundings(context):
            return _failed_start(finding, context, probes.imports[0])
        return _failed_imports(finding, context)
    if finding.status is not CheckStatus.OK:
        return finding
    sample = probes.sample
    if isinstance(sample, Unavailable):
        detail = join_lines([finding.detail, f"No sample was transcribed: {sample.reason}"])
        return replace(finding, detail=detail)
    if not sample.result.ok:
        return _failed_sample(finding, sample, context.facts)
    return _check_transcript(finding, sample, context.facts)


def _failed_start(finding: Finding, context: CheckContext, result: ProbeResult) -> Finding:
    """No import was even begun: what runs at the start of every Python ends it."""
    python = shlex.quote(context.facts.interpreter.executable)
    return replace(
        finding,
        summary=f"no program starts in this Python: it {result.cause}",
        why="What Python runs first ends it: sitecustomize.py, usercustomize.py or a .pth file.",
        detail=join_lines(_result_lines(result)),
        remedy="See which file was read last, then correct or remove it: "
        f"{python} -v -c pass 2>&1 | grep -e customize -e pth | tail -n 3",
        stages=(),
    )


def _failed_imports(finding: Finding, context: CheckContext) -> Finding:
    """What helps: not a repair of the environment, where something outside hides its packages."""
    outside = [environment.surroundings(context)]
    site = hiding.user_site(context)
    if site.status is CheckStatus.FAIL:
        outside.append(site.remedy)
    if any(outside):
        return replace(finding, remedy=join_lines(outside), stages=())
    return replace(
        finding,
        remedy=join_lines(
            [finding.remedy, f"If that changes nothing, {_reinstall(context.facts)}"]
        ),
    )


def _failed_sample(finding: Finding, transcribed: SampleResult, facts: Facts) -> Finding:
    """The imports work, but transcribing the sample failed."""
    sample, result = transcribed.sample, transcribed.result
    finding = replace(
        finding,
        summary=f"the imports work, but {result.name} failed: {result.cause}",
        detail=join_lines(
            [result.detail, *_lost_lines(transcribed), f"model: {sample.model}", finding.detail]
        ),
    )
    if any(words in result.cause for words in OUT_OF_MEMORY):
        smaller = facts.doctor_command("--deep", "--model", "MODEL")
        return replace(
            finding,
            status=CheckStatus.WARN,
            why="Whether the stack transcribes is not known: this machine ran out of memory.",
            remedy=f"Close programs that use much memory, or try a smaller model: {smaller}",
        )
    scan = shlex.join(["parakeet", "models", "scan", sample.model])
    return replace(
        finding,
        status=CheckStatus.FAIL,
        why="A stack that can't transcribe is of no use, whatever can be imported.",
        remedy=f"check the model's files: {scan}\n{_reinstall(facts)}",
    )


def _reinstall(facts: Facts) -> str:
    return f"reinstall the stack: {facts.doctor_command('--reinstall')}"


def _check_transcript(finding: Finding, transcribed: SampleResult, facts: Facts) -> Finding:
    """Compare what the model transcribed with the words that are in the clip."""
    sample, result = transcribed.sample, transcribed.result
    detail = join_lines(
        [
            f"{result.name}: works ({result.seconds:.1f} s, {sample.model})",
            f"  expected:    {sample.text}",
            f"  transcribed: {result.text}",
            *_lost_lines(transcribed),
            finding.detail,
        ]
    )
    if agreement(sample.text, result.text) >= ENOUGH_AGREEMENT:
        fewer = ", with fewer CUDA graphs" if transcribed.lost else ""
        summary = f"{finding.summary}; a sample is transcribed{fewer}"
        return replace(finding, summary=summary, detail=detail)
    finding = replace(
        finding,
        summary=f"the imports work, but a sample is transcribed wrongly: '{result.text}' for "
        f"'{sample.text}'",
        detail=detail,
    )
    if sample.certain:
        return replace(
            finding,
            status=CheckStatus.FAIL,
            why="A stack that computes wrongly transcribes wrongly.",
            remedy=_reinstall(facts),
        )
    retry = facts.doctor_command("--deep", "--sample", "WAV")
    return replace(
        finding,
        status=CheckStatus.WARN,
        why="It is not known whether this model knows these words.",
        remedy=f"try another clip with its text beside it: {retry}",
    )


def _lost_lines(transcribed: SampleResult) -> list[str]:
    """Why another process tried with fewer CUDA graphs, as the engine does: slower, not wrong."""
    return [f"  tried again with fewer CUDA graphs: {cause}" for cause in transcribed.lost]


def agreement(expected: str, transcribed: str) -> float:
    """The share of words that both have in the same order, 0 to 1, ignoring case and marks."""
    left, right = (re.findall(r"[\w']+", text.casefold()) for text in (expected, transcribed))
    matcher = SequenceMatcher(a=left, b=right, autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks())
    return same / max(len(left), len(right), 1)


def gpu_probe(context: CheckContext) -> Finding:
    """A matrix was multiplied on the GPU and the product was right."""
    probes = context.facts.probes
    if probes is None:
        return Finding("gpu-probe", CheckStatus.SKIP, NOT_REQUESTED)
    if not require(context.facts.gpus).present:
        return Finding(
            "gpu-probe", CheckStatus.SKIP, "no GPU: nvidia-smi is not on PATH or lists none"
        )
    passed = Finding(
        "gpu-probe",
        CheckStatus.OK,
        "a matrix product on the GPU is right",
        "Only a kernel that ran proves that driver, CUDA and torch's kernels work together.",
    )
    finding = _check_results(context, passed, probes.gpu)
    if finding.status is CheckStatus.FAIL and _only_hidden_failed(context, probes.gpu):
        gpus, hidden = require(context.facts.gpus), context.torch_choice.hidden
        return replace(
            finding,
            status=CheckStatus.WARN,
            remedy=hide_command(gpus, hidden),
            why=context.torch_choice.reason,
        )
    return finding


def _only_hidden_failed(context: CheckContext, results: tuple[ProbeResult, ...]) -> bool:
    """Whether all that failed is a GPU that no build serves beside the others."""
    if not context.torch_choice.hidden:
        return False
    products = [result for result in results if result.name != "torch.cuda"]
    failed = [result for result in results if not result.ok]
    return any(result.ok for result in products) and all(
        "no kernel image" in result.cause for result in failed
    )


def _check_results(
    context: CheckContext, passed: Finding, results: tuple[ProbeResult, ...]
) -> Finding:
    """`passed` with the number of probes; or the first failure, which `passed.stages` repair."""
    if not results:
        return Finding(passed.id, CheckStatus.UNKNOWN, "no probe ran", passed.why)
    failed_first = sorted(results, key=lambda result: result.ok)
    detail = join_lines(line for result in failed_first for line in _result_lines(result))
    failed = [result for result in results if not result.ok]
    if not failed:
        summary = f"{count(len(results), 'probe')}: {passed.summary}"
        return replace(passed, summary=summary, detail=detail, stages=())
    more = f" (and {len(failed) - 1} more that fail)" if len(failed) > 1 else ""
    return replace(
        passed,
        status=CheckStatus.FAIL,
        summary=f"{failed[0].name}: {failed[0].cause}{more}",
        detail=detail,
        remedy=repair_remedy(context.facts),
    )


def _result_lines(result: ProbeResult) -> list[str]:
    line = f"{result.name}: {'works' if result.ok else result.cause} ({result.seconds:.1f} s)"
    return [line, "" if result.ok else result.detail]
