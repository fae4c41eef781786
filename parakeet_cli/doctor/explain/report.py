"""Writes Markdown for a bug report, without the home folder or the user's name."""

from __future__ import annotations

import getpass
import os
import platform
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from parakeet_cli.doctor.facts import Facts, Unavailable
from parakeet_cli.doctor.findings import CheckStatus, Diagnosis
from parakeet_cli.doctor.stack.stack import Stack
from parakeet_cli.system.safety.url_passwords import without_passwords

# Users of machines and containers, which name no person.
IMPERSONAL = {"", "root", "home", "user", "runner", "ubuntu", "app"}


def markdown(diagnosis: Diagnosis, facts: Facts, stack: Stack, version: str) -> str:
    """The whole report, not yet redacted."""
    return "\n".join(_lines(diagnosis, facts, stack, version)) + "\n"


def redact(text: str, environment: Mapping[str, str] | None = None) -> str:
    """The text with `~` for the home folder and `<user>` for the user's name, without passwords."""
    env = os.environ if environment is None else environment
    text = without_passwords(text)
    homes = {env.get("HOME", ""), env.get("USERPROFILE", "")}
    homes.add(os.path.expanduser("~"))  # noqa: PTH111 - they may differ
    homes |= {os.path.realpath(home) for home in homes if home}
    for home in sorted(homes - {"", "/"}, key=len, reverse=True):
        text = re.sub(re.escape(home) + r"(?![A-Za-z0-9._-])", "~", text)
    names = {env.get(key, "") for key in ("LOGNAME", "USER", "USERNAME", "SUDO_USER")}
    names |= {Path(home).name for home in homes} | {_account()}
    for name in sorted(names - IMPERSONAL, key=len, reverse=True):
        text = re.sub(
            rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", "<user>", text, flags=re.I
        )
    return text


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no entry, as in a container; or Windows
        return ""


def _lines(diagnosis: Diagnosis, facts: Facts, stack: Stack, version: str) -> Iterator[str]:
    target = facts.interpreter
    healthy = "healthy" if diagnosis.healthy else "not healthy"
    yield f"### parakeet doctor: {healthy}"
    yield ""
    yield f"- parakeet {version} on Python {platform.python_version()}, {platform.platform()}"
    yield f"- examined: `{target.executable}`, Python {target.version or 'unknown'}, {target.kind}"
    yield f"- stack {stack.name}: {stack.title}"
    yield f"- GPU: {_gpu(facts)}"
    yield ""
    yield "| check | status | what was found |"
    yield "| --- | --- | --- |"
    for finding in diagnosis.findings:
        yield f"| {finding.id} | {finding.status.value} | {markdown_cell(finding.summary)} |"
    for finding in diagnosis.findings:
        if finding.detail and finding.status not in (CheckStatus.OK, CheckStatus.SKIP):
            yield ""
            yield f"#### {finding.id}: {finding.status.value}"
            yield ""
            yield from _block(finding.detail)
    if facts.variables:
        yield ""
        yield "#### Variables"
        yield ""
        yield from _block("\n".join(f"{k}={v}" for k, v in facts.variables.items()))
    yield ""
    yield f"<details><summary>{len(facts.distributions)} distributions</summary>"
    yield ""
    yield from _block(
        "\n".join(sorted(f"{dist.name}=={dist.version}" for dist in facts.distributions))
    )
    yield ""
    yield "</details>"


def _gpu(facts: Facts) -> str:
    gpus = facts.gpus
    if isinstance(gpus, Unavailable):
        return gpus.reason
    if not gpus.devices:
        return gpus.problem or "none (no nvidia-smi on PATH)"
    devices = ", ".join(f"{d.name} ({d.sm}, {d.memory})" for d in gpus.devices)
    return f"{devices}; driver {gpus.devices[0].driver}, CUDA {gpus.cuda or 'unknown'}"


def markdown_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _block(text: str) -> Iterator[str]:
    fence = "```"
    while fence in text:
        fence += "`"
    yield from (fence, text, fence)
