"""The configuration, the models, manifests, and the names of all options."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from parakeet_cli.cli.app import app
from tests.integration.unchanged.running import Files, as_json, case, parakeet, stable


@case
def the_configuration(folder: Path) -> Files:
    where = parakeet(folder, "config", "path", env={})
    unset = parakeet(folder, "config", "show", env={})
    begun = parakeet(folder, "config", "init", env={})
    file = folder / "home/config/parakeet/config.json"
    initial = file.read_bytes()
    parakeet(folder, "config", "init", env={}, code=2)
    fresh = parakeet(folder, "config", "show", env={})
    variables = {
        "PARAKEET_ENGINE": "whisper",
        "PARAKEET_MODEL": "small",
        "PARAKEET_DEVICE": "cuda:1",
        "PARAKEET_LANGUAGE": "DE",
        "PARAKEET_BEAM_SIZE": "2",
        "PARAKEET_THREADS": "3",
        "PARAKEET_OFFLINE": "yes",
        "PARAKEET_ML_PYTHON": "/nowhere/bin/python",
        "PARAKEET_HISTORY_DAYS": "7",
    }
    varied = parakeet(folder, "config", "show", env=variables)
    mock = parakeet(folder, "config", "show")
    other = {"PARAKEET_CONFIG": "other.json"}
    (folder / "other.json").write_text('{"version": 1, "use_mock_stt": true, "threads": 2}')
    named = parakeet(folder, "config", "show", env=other)
    (folder / "other.json").write_text('{"version": 99, "unheard_of": 1, "engine": "mock"}')
    newer = parakeet(folder, "config", "show", env=other)
    (folder / "other.json").write_text('{"thread": 2}')
    wrong = parakeet(folder, "config", "show", env=other, code=None)
    shown = {
        "path.txt": where.out,
        "init.txt": begun.out,
        "unset.txt": unset.out,
        "fresh.txt": fresh.out,
        "varied.txt": varied.out,
        "mock.txt": mock.out,
        "named.txt": named.out,
        "newer.txt": newer.out,
        "wrong.txt": f"{wrong.code}\n".encode(),
    }
    return {
        "config.json": initial,
        **{name: stable(data, folder) for name, data in shown.items()},
    }


@case
def models(folder: Path) -> Files:
    listed = json.loads(parakeet(folder, "models", "list", "--json", env={}).out)
    checked = parakeet(folder, "models", "verify", "--json", env={})
    kept = ("name", "kind", "repository", "pinned", "cached")
    rows = [{name: row[name] for name in kept} for row in listed["models"]]
    return {
        "list.json": as_json({"schema": listed["schema"], "models": rows}),
        "verify.json": checked.out,
    }


@case
def merged_manifests(folder: Path) -> Files:
    def row(name: str, status: str, text: str = "") -> str:
        found = {"audio_filepath": name, "duration": 2.5, "pred_text": text, "status": status}
        return json.dumps(found) + "\n"

    one = row("a.wav", "ok", "A.") + row("b.wav", "failed") + row("c.wav", "partial", "C")
    two = row("b.wav", "ok", "B.") + row("c.wav", "failed") + row("a.wav", "ok", "A.")
    (folder / "one.jsonl").write_text(one)
    (folder / "two.jsonl").write_text(two)
    (folder / "differs.jsonl").write_text(row("a.wav", "ok", "Ah."))
    parakeet(folder, "manifest", "merge", "out.jsonl", "one.jsonl", "two.jsonl")
    merge = ("manifest", "merge", "last.jsonl", "one.jsonl", "differs.jsonl")
    refused = parakeet(folder, *merge, code=None)
    parakeet(folder, *merge, "--prefer", "last")
    return {
        "out.jsonl": (folder / "out.jsonl").read_bytes(),
        "last.jsonl": (folder / "last.jsonl").read_bytes(),
        "refused.txt": f"{refused.code}\n".encode(),
    }


def _commands(words: tuple[str, ...], command: Any) -> Iterator[tuple[str, Any]]:
    yield " ".join(words), command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands((*words, name), child)


def _described(parameter: Any) -> str:
    """Every spelling of an option, whether it takes a value, and whether it may be repeated."""
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [parameter.metavar or parameter.name.upper()]
    more = "" if getattr(parameter, "is_flag", False) else " VALUE"
    again = " ..." if parameter.multiple or parameter.nargs != 1 else ""
    needed = " (needed)" if parameter.required else ""
    return f"{' '.join(names)}{more}{again}{needed}"


@case
def options(folder: Path) -> Files:
    found = {
        words: {
            kind: sorted(_described(one) for one in command.params if one.param_type_name == kind)
            for kind in ("argument", "option")
        }
        for words, command in _commands(("parakeet",), get_command(app))
    }
    return {"options.json": as_json(dict(sorted(found.items())))}
