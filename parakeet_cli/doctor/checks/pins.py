"""The stack's own bounds: one check a pinned distribution, all of one making."""

from __future__ import annotations

from parakeet_cli.doctor.checks.common import (
    Judge,
    bounds,
    count,
    edge_lines,
    graph_of,
    install,
    intersection,
    listed,
    pip,
    repair,
)
from parakeet_cli.doctor.facts import Facts, FactUnavailable, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.stack import NEMO, Pin, Stack


def pin_check(check: str) -> Judge:
    """The check of the distribution that the policy gives this id."""

    def judge(facts: Facts, stack: Stack) -> Finding:
        pin = next((pin for pin in stack.pins if pin.advice.id == check), None)
        if pin is None:
            return Finding(check, CheckStatus.OK, f"stack {stack.name} holds nothing here")
        return judge_pin(check, pin, facts, stack)

    return judge


def judge_pin(check: str, pin: Pin, facts: Facts, stack: Stack) -> Finding:
    """Present, within the stack's bounds, and within everyone else's."""
    name = pin.name
    dist = facts.installed(name)
    graph = graph_of(facts)
    edges = graph.requirers_of(name)
    why = " ".join(part for part in (pin.advice.why, pin.advice.impact) if part)
    wanted = f"stack {stack.name} wants {bounds(pin)} ({pin.file}, stage {pin.stage})"
    stages = (pin.stage,)
    if dist is None:
        return Finding(
            check,
            CheckStatus.FAIL,
            f"{name} is not installed; wanted: {bounds(pin)}",
            why,
            join_lines([wanted, *edge_lines(edges, None)]),
            repair(facts, install(facts, [pin], *_flags(pin, stack))),
            pin.advice.link,
            stages,
        )
    if dist.version is None:
        raise FactUnavailable(f"{name} is there, but its version can't be read: {dist.problem}")
    version = dist.version
    violated = [edge for edge in edges if not edge.met_by(version)]
    evidence = join_lines([wanted, *edge_lines(edges, version), intersection(name, pin, edges)])
    if not pin.allows(version):
        return Finding(
            check,
            CheckStatus.FAIL,
            f"{name} {version} is outside {bounds(pin)}",
            why,
            evidence,
            repair(facts, install(facts, [pin], *_flags(pin, stack))),
            pin.advice.link,
            stages,
        )
    if violated:
        needed = graph.needed(stack)
        serious = [edge for edge in violated if edge.requirer in needed]
        named = listed(
            [f"{edge.who} ({edge.requirement.name}{edge.requirement.spec})" for edge in violated]
        )
        others = [edge.requirer for edge in violated]
        held = [other for other in map(stack.pin, others) if other is not None]
        return Finding(
            check,
            CheckStatus.FAIL if serious else CheckStatus.WARN,
            f"{name} {version} suits the stack, but not {named}",
            why,
            evidence,
            repair(
                facts,
                pip(
                    facts,
                    "install",
                    "--upgrade-strategy",
                    "only-if-needed",
                    pin.requirement.text,
                    *others,
                ),
            ),
            pin.advice.link,
            tuple(sorted({pin.stage, *(other.stage for other in held)})),
        )
    return Finding(
        check,
        CheckStatus.OK,
        f"{name} {version}, wanted {pin.spec or 'any version'}",
        why,
        join_lines([wanted, f"{count(len(edges), 'requirement')} of it, all met" if edges else ""]),
        source=pin.advice.link,
    )


def _flags(pin: Pin, stack: Stack) -> tuple[str, ...]:
    return next((stage.flags for stage in stack.stages if stage.number == pin.stage), ())


def nemo_version(facts: Facts, stack: Stack) -> Finding:
    """NeMo is there, and is the one the stack is made around."""
    finding = judge_pin("nemo-version", stack.nemo, facts, stack)
    if facts.installed(NEMO) is None:
        return Finding(
            finding.id,
            finding.status,
            f"NeMo is not installed (No module named 'nemo'); wanted: {bounds(stack.nemo)}",
            finding.why,
            finding.detail,
            finding.remedy,
            finding.source,
            finding.stages,
        )
    return finding


def lightning_pair(facts: Facts, stack: Stack) -> Finding:
    """Two Lightning distributions, one release: or a Trainer of one is none of the other."""
    check = "lightning-pair"
    if not stack.same_release:
        return Finding(check, CheckStatus.SKIP, f"stack {stack.name} needs one Lightning only")
    versions = {name: facts.installed(name) for name in stack.same_release}
    lacking = [name for name, dist in versions.items() if dist is None]
    if lacking:
        return Finding(
            check, CheckStatus.SKIP, f"{listed(lacking)} not installed: no pair to compare"
        )
    there = {name: dist.version for name, dist in versions.items() if dist is not None}
    if None in there.values():
        raise FactUnavailable("the version of one of them can't be read")
    said = " beside ".join(f"{name} {version}" for name, version in there.items())
    pins = [pin for pin in map(stack.pin, stack.same_release) if pin is not None]
    why = (
        "NeMo imports both, and hands a Trainer of one to code of the other: it fails with "
        "'trainer argument must be pytorch_lightning.Trainer'."
    )
    source = next((pin.advice.link for pin in pins if pin.name == "pytorch-lightning"), "")
    if len(set(there.values())) == 1:
        return Finding(check, CheckStatus.OK, f"{said}: one release", why, source=source)
    return Finding(
        check,
        CheckStatus.FAIL,
        f"{said}: they must be one release",
        why,
        join_lines(f"{pin.name} wants {bounds(pin)} in stack {stack.name}" for pin in pins),
        repair(facts, install(facts, pins)),
        source,
        tuple(sorted({pin.stage for pin in pins})),
    )


def setuptools(facts: Facts, stack: Stack) -> Finding:
    """setuptools within its bounds, and pkg_resources there where Lightning imports it."""
    check = "setuptools-pkg-resources"
    pin = stack.pin("setuptools")
    if pin is None:
        return Finding(check, CheckStatus.OK, f"stack {stack.name} holds nothing here")
    finding = judge_pin(check, pin, facts, stack)
    if not stack.pkg_resources or facts.pkg_resources:
        return finding
    dist = facts.installed("setuptools")
    there = f"setuptools {dist.version} has none" if dist else "setuptools is not installed"
    return Finding(
        check,
        CheckStatus.FAIL,
        f"pkg_resources is missing: {there}; wanted: {bounds(pin)}",
        finding.why,
        finding.detail,
        repair(facts, install(facts, [pin], "--force-reinstall")),
        finding.source,
        (pin.stage,),
    )


def pyarrow_numpy(facts: Facts, stack: Stack) -> Finding:
    """A pyarrow that refuses the NumPy that is there, which no metadata says."""
    check = "pyarrow-numpy"
    pin = stack.pin("pyarrow") or stack.other_pins.get("pyarrow")
    arrow, numpy = facts.installed("pyarrow"), facts.installed("numpy")
    if pin is None or arrow is None:
        return Finding(check, CheckStatus.SKIP, "pyarrow is not installed")
    if numpy is None or numpy.version is None or arrow.version is None:
        raise FactUnavailable("the version of NumPy or of pyarrow is not known")
    said = f"pyarrow {arrow.version} with NumPy {numpy.version}"
    why = " ".join((pin.advice.why, pin.advice.impact))
    if numpy.version.split(".")[0] != "1" or pin.allows(arrow.version):
        return Finding(check, CheckStatus.OK, said, why, source=pin.advice.link)
    return Finding(
        check,
        CheckStatus.FAIL,
        f"{said}: it will say 'pyarrow requires NumPy 2.0' and stop; wanted: {bounds(pin)}",
        why,
        join_lines(
            [
                f"{bounds(pin)} keeps with NumPy 1 ({pin.file}, stage {pin.stage})",
                *edge_lines(graph_of(facts).requirers_of("pyarrow"), arrow.version),
            ]
        ),
        repair(facts, install(facts, [pin])),
        pin.advice.link,
        (pin.stage,) if stack.pin("pyarrow") else (),
    )


def torch_installed(facts: Facts, stack: Stack) -> Finding:
    """torch within the stack's bounds, its files and its metadata of one release."""
    check = "torch-installed"
    pin = stack.pin("torch")
    if pin is None:
        raise FactUnavailable(f"stack {stack.name} names no torch")
    build = require(facts.torch)
    finding = judge_pin(check, pin, facts, stack)
    if build is None or finding.status is CheckStatus.FAIL:
        return finding
    dist = facts.installed("torch")
    kind = f"for CUDA {build.cuda}" if build.cuda else "for ROCm" if build.hip else "for CPU"
    if dist and dist.version and dist.version.split("+")[0] != build.version.split("+")[0]:
        return Finding(
            check,
            CheckStatus.FAIL,
            f"torch's files are {build.version}, its metadata says {dist.version}",
            "Two installations lie over each other: what is imported is not what pip manages.",
            f"{build.where}/version.py against {dist.info}/METADATA",
            repair(facts, install(facts, [pin], "--force-reinstall")),
            finding.source,
            (pin.stage,),
        )
    if finding.status is not CheckStatus.OK:
        return finding
    return Finding(
        check,
        CheckStatus.OK,
        f"torch {build.version} {kind}, wanted {pin.spec}",
        finding.why,
        finding.detail,
        source=finding.source,
    )
