"""Checks the cached models, and the vulnerabilities by which a model file can do harm."""

from __future__ import annotations

from parakeet_cli.doctor.checks.common import CheckContext, count, join_names
from parakeet_cli.doctor.facts import FactUnavailable, require
from parakeet_cli.doctor.findings import CheckStatus, Finding, join_lines
from parakeet_cli.doctor.stack.requirement_strings import allows


def model_cache(context: CheckContext) -> Finding:
    """Cached models are complete, and there is one if the network must not be used."""
    check = "model-cache"
    cache = require(context.facts.model_cache)
    why = "A model that isn't cached is downloaded on first use, which fails offline."
    source = "https://huggingface.co/docs/huggingface_hub/guides/manage-cache"
    detail = join_lines(
        [
            cache.path,
            *(f"complete: {model}" for model in cache.models),
            *(f"incomplete: {model}" for model in cache.damaged),
        ]
    )
    if cache.offline and not cache.models:
        return Finding(
            check,
            CheckStatus.WARN,
            f"{cache.offline} is set and no model is in the cache: none can be loaded by name",
            why,
            detail,
            f"unset {cache.offline}, or give a file: parakeet transcribe --model model.nemo",
            source,
        )
    if cache.damaged:
        return Finding(
            check,
            CheckStatus.WARN,
            f"{count(len(cache.damaged), 'incomplete model')} in the cache: "
            f"{join_names(list(cache.damaged))}",
            why,
            detail,
            f"Remove its folder in {cache.path}; it is downloaded again at its next use.",
            source,
        )
    summary = (
        f"{count(len(cache.models), 'model')} in the cache"
        if cache.models
        else "no model in the cache: the first use downloads one"
    )
    return Finding(check, CheckStatus.OK, summary, why, detail, source=source)


def advisories(context: CheckContext) -> Finding:
    """Published vulnerabilities of the installed versions, and what protects from them."""
    check = "advisories"
    facts, stack = context.facts, context.stack
    hits = []
    for advisory in stack.advisories:
        dist = facts.installed(advisory.package)
        if dist is not None and dist.version is None:
            raise FactUnavailable(f"the version of {dist.name} can't be read: {dist.problem}")
        if dist is not None and allows(advisory.affected, dist.version):
            hits.append((advisory, dist))
    if not hits:
        return Finding(check, CheckStatus.OK, "no known vulnerability affects what is installed")
    first, dist = hits[0]
    return Finding(
        check,
        CheckStatus.WARN,
        f"{dist.name} {dist.version} {first.title} ({join_names(list(first.ids))})",
        "To these versions a model file is a program: loading a stranger's file runs it.",
        join_lines(
            f"{dist.name} {dist.version}, affected: {advisory.affected}: "
            f"{join_names(list(advisory.ids))}"
            for advisory, dist in hits
        ),
        join_lines(advisory.protects for advisory, _ in hits),
        first.link,
    )
