"""Runs the doctor on every node of a Ray cluster and prints one table: `doctor --ray`."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from parakeet_cli import console
from parakeet_cli.errors import ExitCode
from parakeet_cli.system.processes import parakeet_command

_SECONDS = 300.0  # for one node's diagnosis


@dataclass(frozen=True, slots=True)
class Node:
    """One node's report, or the error that prevented one."""

    name: str
    address: str
    report: dict[str, Any] | None
    error: str | None = None

    @property
    def healthy(self) -> bool:
        return bool(self.report and self.report["healthy"])

    @property
    def problems(self) -> list[str]:
        """What is wrong on it, in the order of the checks."""
        if self.report is None:
            return [self.error or "no answer"]
        findings = self.report["findings"]
        bad = [row for row in findings if row["status"] in ("fail", "unknown")]
        return [f"{row['id']}: {row['summary']}" for row in bad]

    def as_json(self) -> dict[str, Any]:
        return {
            "node": self.name,
            "address": self.address,
            "healthy": self.healthy,
            "error": self.error,
            "report": self.report,
        }


def show_nodes(address: str | None, arguments: tuple[str, ...], *, as_json: bool) -> ExitCode:
    """The diagnosis of every node that is alive; exit 1 if one of them isn't healthy.

    `arguments` are the doctor's own options. Raises UsageError if Ray can't be used.
    """
    nodes = _examine(address, arguments)
    if as_json:
        found = {
            "schema": "parakeet.doctor.nodes/1",
            "healthy": all(node.healthy for node in nodes),
            "nodes": [node.as_json() for node in nodes],
        }
        console.print_json(found)
    else:
        console.out("".join(f"{line}\n" for line in _table(nodes)))
    return ExitCode.OK if all(node.healthy for node in nodes) else ExitCode.FAILED


def _examine(address: str | None, arguments: tuple[str, ...]) -> list[Node]:
    from parakeet_cli.transcribe.workers.ray import connect

    ray = connect(address)
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    diagnose = ray.remote(_diagnosis)
    nodes = sorted(
        (node for node in ray.nodes() if node["Alive"]),
        key=lambda node: (node["NodeManagerHostname"], node["NodeManagerPort"]),
    )
    pending = [
        (
            node,
            diagnose.options(
                num_cpus=0,
                max_retries=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
            ).remote(arguments),
        )
        for node in nodes
    ]
    examined = []
    for node, ref in pending:
        name, where = node["NodeManagerHostname"], node["NodeManagerAddress"]
        try:
            out, err = ray.get(ref, timeout=_SECONDS)
            examined.append(Node(name, where, json.loads(out)))
        except ValueError:
            error_line = (err.strip().splitlines() or ["no answer"])[-1]
            examined.append(Node(name, where, None, error_line))
        except ray.exceptions.RayError as error:
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            examined.append(Node(name, where, None, (lines or [type(error).__name__])[-1]))
    ray.shutdown()
    return examined


def _diagnosis(arguments: tuple[str, ...]) -> tuple[str, str]:
    """On a node: its own doctor's JSON, and what that wrote to stderr."""
    command = parakeet_command("doctor", "--json", *arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    return done.stdout, done.stderr


def _table(nodes: list[Node]) -> list[str]:
    rows = [("NODE", "ADDRESS", "HEALTHY", "STACK", "PYTHON", "WHAT IS WRONG")]
    for node in nodes:
        report = node.report or {}
        problems = node.problems
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        rows.append(
            (
                node.name,
                node.address,
                "yes" if node.healthy else "no",
                str(report.get("stack") or "-"),
                str(report.get("python") or "-"),
                f"{problems[0]}{more}" if problems else "-",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return [
        console.printable(
            "  ".join([*(text.ljust(width) for text, width in zip(row, widths)), row[5]])  # noqa: B905
        )
        for row in rows
    ]
