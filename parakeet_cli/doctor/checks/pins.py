"""Checks the stack's own bounds: one check for each pinned distribution."""

from __future__ import annotations

from dataclasses import replace

from parakeet_cli.doctor.checks.common import (
    CheckContext,
    CheckFunction,
    bounded_name,
    conflict_line,
    count,
    install_command,
    join_names,
    pip_command,
    repair_remedy,
    requirer_lines,
    torch_command,
)
from parakeet_cli.doctor.facts import Distribution, FactUnavailable, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.requirement_graph import Edge
from parakeet_cli.doctor.stack.stack import NEMO, Pin


def pin_check(check: str) -> CheckFunction:
    """The check of the distribution that has this id in the policy."""

    def run(context: CheckContext) -> Finding:
        pin = next((pin for pin in context.stack.pins if pin.advice.id == check), None)
        if pin is None:
            return _no_pin(check, context)
        return check_pin(check, pin, context)

    return run


def _no_pin(check: str, context: CheckContext) -> Finding:
    return Finding(check, CheckStatus.OK, f"stack {context.stack.name} has no bounds for it")


def check_pin(check: str, pin: Pin, context: CheckContext) -> Finding:
    """Installed, within the stack's bounds, and within those of all other distributions."""
    dist = context.facts.installed(pin.name)
    if dist is not None and dist.version is None:
        raise FactUnavailable(
            f"{pin.name} is installed, but its version can't be read: {dist.problem}"
        )
    edges = context.graph.requirers_of(pin.name)
    if dist is None or not pin.allows(dist.version):
        return _missing_or_outside(check, pin, dist, edges, context)
    violated = [edge for edge in edges if not edge.met_by(dist.version)]
    if violated:
        return _violates_others(check, pin, dist, edges, violated, context)
    requirers = f"{count(len(edges), 'requirement')} of it, all met" if edges else ""
    return Finding(
        check,
        CheckStatus.OK,
        f"{pin.name} {dist.version}, required: {pin.spec or 'any version'}",
        _why(pin),
        join_lines([_stack_line(pin, context), requirers]),
        source=pin.advice.link,
    )


def _missing_or_outside(
    check: str,
    pin: Pin,
    dist: Distribution | None,
    edges: tuple[Edge, ...],
    context: CheckContext,
) -> Finding:
    if dist is None:
        summary = f"{pin.name} is not installed; required: {bounded_name(pin)}"
        evidence = requirer_lines(edges, None)
    else:
        summary = f"{pin.name} {dist.version} is outside {bounded_name(pin)}"
        evidence = _evidence(pin, dist, edges)
    stages = context.stack.stages
    flags = next((stage.flags for stage in stages if stage.number == pin.stage), ())
    is_torch = pin.name == "torch"  # which has an index of its own
    by_hand = (
        torch_command(context, *flags)
        if is_torch
        else install_command(context.facts, [pin], *flags)
    )
    return Finding(
        check,
        CheckStatus.FAIL,
        summary,
        _why(pin),
        join_lines([_stack_line(pin, context), *evidence]),
        repair_remedy(context.facts, by_hand),
        pin.advice.link,
        (pin.stage,),
        packages=(pin.name,),
        missing=(pin.name,) if dist is None else (),
    )


def _violates_others(
    check: str,
    pin: Pin,
    dist: Distribution,
    edges: tuple[Edge, ...],
    violated: list[Edge],
    context: CheckContext,
) -> Finding:
    """Within the stack's bounds, but not within those of other distributions."""
    others = [edge.requirer for edge in violated]
    serious = context.needed.intersection(others)
    texts = [f"{edge.who} ({pin.name}{edge.requirement.spec})" for edge in violated]
    other_pins = [other for other in map(context.stack.pin, others) if other is not None]
    command = pip_command(
        context.facts,
        "install",
        "--upgrade-strategy",
        "only-if-needed",
        pin.requirement.text,
        *others,
    )
    return Finding(
        check,
        CheckStatus.FAIL if serious else CheckStatus.WARN,
        f"{pin.name} {dist.version} suits the stack, but not {join_names(texts)}",
        _why(pin),
        join_lines([_stack_line(pin, context), *_evidence(pin, dist, edges)]),
        repair_remedy(context.facts, command),
        pin.advice.link,
        tuple(sorted({pin.stage, *(other.stage for other in other_pins)})),
    )


def _why(pin: Pin) -> str:
    return " ".join(part for part in (pin.advice.why, pin.advice.impact) if part)


def _stack_line(pin: Pin, context: CheckContext) -> str:
    where = f"({pin.file}, stage {pin.stage})"
    return f"stack {context.stack.name} requires {bounded_name(pin)} {where}"


def _evidence(pin: Pin, dist: Distribution, edges: tuple[Edge, ...]) -> list[str]:
    return [*requirer_lines(edges, dist.version), conflict_line(pin.name, pin, edges)]


def nemo_version(context: CheckContext) -> Finding:
    """NeMo is installed in the stack's version."""
    pin = context.stack.nemo
    finding = check_pin("nemo-version", pin, context)
    if context.facts.installed(NEMO) is None:
        summary = f"NeMo is not installed (No module named 'nemo'); required: {bounded_name(pin)}"
        return replace(finding, summary=summary)
    return finding


def lightning_pair(context: CheckContext) -> Finding:
    """`lightning` and `pytorch-lightning` are of the same release.

    Otherwise their Trainer classes are incompatible.
    """
    check = "lightning-pair"
    facts, stack = context.facts, context.stack
    if not stack.same_release:
        return Finding(check, CheckStatus.SKIP, f"stack {stack.name} needs only one Lightning")
    dists = {name: facts.installed(name) for name in stack.same_release}
    lacking = [name for name, dist in dists.items() if dist is None]
    if lacking:
        return Finding(
            check, CheckStatus.SKIP, f"{join_names(lacking)} not installed: nothing to compare"
        )
    versions = {name: dist.version for name, dist in dists.items() if dist is not None}
    if None in versions.values():
        raise FactUnavailable("the version of one of them can't be read")
    pair = " beside ".join(f"{name} {version}" for name, version in versions.items())
    pins = [pin for pin in map(stack.pin, stack.same_release) if pin is not None]
    why = (
        "NeMo imports both and passes a Trainer of one to code of the other, which then fails "
        "with 'trainer argument must be pytorch_lightning.Trainer'."
    )
    source = next((pin.advice.link for pin in pins if pin.name == "pytorch-lightning"), "")
    if len(set(versions.values())) == 1:
        return Finding(check, CheckStatus.OK, f"{pair}: one release", why, source=source)
    return Finding(
        check,
        CheckStatus.FAIL,
        f"{pair}: they must be one release",
        why,
        join_lines(_stack_line(pin, context) for pin in pins),
        repair_remedy(facts, install_command(facts, pins)),
        source,
        tuple(sorted({pin.stage for pin in pins})),
    )


def setuptools(context: CheckContext) -> Finding:
    """setuptools is within its bounds and has pkg_resources if the stack imports it."""
    check = "setuptools-pkg-resources"
    facts, stack = context.facts, context.stack
    pin = stack.pin("setuptools")
    if pin is None:
        return _no_pin(check, context)
    finding = check_pin(check, pin, context)
    if not stack.pkg_resources or facts.pkg_resources:
        return finding
    dist = facts.installed("setuptools")
    cause = f"setuptools {dist.version} lacks it" if dist else "setuptools is not installed"
    return Finding(
        check,
        CheckStatus.FAIL,
        f"pkg_resources is missing: {cause}; required: {bounded_name(pin)}",
        finding.why,
        finding.detail,
        repair_remedy(facts, install_command(facts, [pin], "--force-reinstall")),
        finding.source,
        (pin.stage,),
    )


def pyarrow_numpy(context: CheckContext) -> Finding:
    """pyarrow accepts the installed NumPy, which its metadata doesn't say."""
    check = "pyarrow-numpy"
    facts, stack = context.facts, context.stack
    pin = stack.pin("pyarrow") or stack.other_pins.get("pyarrow")
    pyarrow, numpy = facts.installed("pyarrow"), facts.installed("numpy")
    if pin is None or pyarrow is None:
        return Finding(check, CheckStatus.SKIP, "pyarrow is not installed")
    if numpy is None or numpy.version is None or pyarrow.version is None:
        raise FactUnavailable("the version of NumPy or of pyarrow is not known")
    pair = f"pyarrow {pyarrow.version} with NumPy {numpy.version}"
    why = " ".join((pin.advice.why, pin.advice.impact))
    if numpy.version.split(".")[0] != "1" or pin.allows(pyarrow.version):
        return Finding(check, CheckStatus.OK, pair, why, source=pin.advice.link)
    edges = context.graph.requirers_of("pyarrow")
    where = f"({pin.file}, stage {pin.stage})"
    return Finding(
        check,
        CheckStatus.FAIL,
        f"{pair}: its import fails with 'pyarrow requires NumPy 2.0'; "
        f"required: {bounded_name(pin)}",
        why,
        join_lines(
            [
                f"{bounded_name(pin)} works with NumPy 1 {where}",
                *requirer_lines(edges, pyarrow.version),
            ]
        ),
        repair_remedy(facts, install_command(facts, [pin])),
        pin.advice.link,
        (pin.stage,) if stack.pin("pyarrow") else (),
    )


def torch_installed(context: CheckContext) -> Finding:
    """torch is within the stack's bounds, and its files and metadata are of one release."""
    check = "torch-installed"
    facts, stack = context.facts, context.stack
    pin = stack.pin("torch")
    if pin is None:
        raise FactUnavailable(f"stack {stack.name} doesn't contain torch")
    build = require(facts.torch)
    finding = check_pin(check, pin, context)
    if build is None or finding.status is CheckStatus.FAIL:
        return finding
    dist = facts.installed("torch")
    if dist and dist.version and dist.version.split("+")[0] != build.version.split("+")[0]:
        return Finding(
            check,
            CheckStatus.FAIL,
            f"torch's files are {build.version}, its metadata says {dist.version}",
            "Two installations overlap: what is imported is not what pip manages.",
            f"{build.folder}/version.py against {dist.info}/METADATA",
            repair_remedy(facts, install_command(facts, [pin], "--force-reinstall")),
            finding.source,
            (pin.stage,),
        )
    if finding.status is not CheckStatus.OK:
        return finding
    kind = f"for CUDA {build.cuda}" if build.cuda else "for ROCm" if build.hip else "for CPU"
    return replace(finding, summary=f"torch {build.version} {kind}, required: {pin.spec}")
