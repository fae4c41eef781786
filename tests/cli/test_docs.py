"""Checks that what the documents quote exists: commands, options, scripts, targets, files."""

from __future__ import annotations

import dataclasses
import re
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from parakeet_cli import api
from parakeet_cli.engines.registry import engine_names
from parakeet_cli.formats import FORMATS
from tests.cli.running import ROOT, commands, parakeet

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def _blocks(document: Path) -> list[str]:
    """The fenced blocks of a document, without their fences."""
    text = document.read_text(encoding="utf-8")
    return re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def _quoted(document: Path) -> list[str]:
    """Everything that is written as code: lines of blocks, and spans within the text."""
    text = document.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in _blocks(document) for line in block.splitlines()]
    return [*lines, *re.findall(r"`([^`\n]+)`", prose)]


# What parses its own options and hands the others on.
TAKES_OPTIONS_OF: dict[tuple[str, ...], list[tuple[str, ...]]] = {
    ("dictate", "start"): [("dictate",)],
    ("dictate", "toggle"): [("dictate",)],
}


def _words(quoted: str, program: str) -> list[str] | None:
    """The arguments where a quote is a call of the program, variables before it allowed."""
    match = re.match(rf"(?:\$ )?(?:[A-Z_]+=\S+ )*(?:\S+/)?{program}(?: (.*))?$", quoted)
    return None if match is None else shlex.split(match[1] or "", comments=True)


@every_document
def test_each_quoted_parakeet_command_has_these_options(document: Path) -> None:
    known = commands()
    for quoted in _quoted(document):
        words = _words(quoted, "parakeet")
        if words is None:
            continue
        verbs: tuple[str, ...] = ()
        while words and (*verbs, words[0]) in known:
            verbs = (*verbs, words.pop(0))
        takes_more = not getattr(known[verbs], "commands", None) or not words
        assert takes_more or words[0].startswith("-"), f"{quoted}: there is no '{words[0]}'"
        options = {
            option
            for command in (verbs, *TAKES_OPTIONS_OF.get(verbs, ()))
            for param in known[command].params
            for option in (*param.opts, *param.secondary_opts)
        } | {"--help", "-h"}
        asked = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert asked <= options, f"{quoted}: {asked - options}"


@every_document
def test_each_quoted_help_is_the_real_one(document: Path) -> None:
    for block in _blocks(document):
        first, _, shown = block.partition("\n")
        words = _words(first, "parakeet")
        if words and words[-1] == "--help" and shown.strip():
            assert _trimmed(shown) == _trimmed(parakeet(*words).stdout), first


@pytest.mark.parametrize(("column", "names"), [("format", FORMATS), ("engine", engine_names())])
def test_the_readme_s_table_lists_each_format_and_engine(column: str, names: Iterable[str]) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    table = re.search(rf"^\| {column} \|.*\n\|-.*\n((?:\|.*\n)+)", readme, flags=re.MULTILINE)
    assert table is not None, f"README.md has no table of {column}s"
    first_cells = [row.split("|")[1] for row in table[1].splitlines()]
    assert set(re.findall(r"`(\w+)`", " ".join(first_cells))) == set(names), (
        f"README.md's table of {column}s differs: add or remove a row"
    )


def _fields(name: str) -> set[str]:
    """The fields of one of the API's dataclasses, and its properties."""
    kind = getattr(api, name)
    members = vars(kind).items()
    properties = {member for member, value in members if isinstance(value, property)}
    return {field.name for field in dataclasses.fields(kind)} | properties


def test_the_api_s_table_has_each_field_of_each_value() -> None:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    cells = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, flags=re.MULTILINE))
    values = [name for name in api.__all__ if dataclasses.is_dataclass(getattr(api, name))]
    assert values
    for name in values:
        described = set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", cells.get(name, ""))))
        assert _fields(name) <= described, f"{name}: docs/api.md lacks some"
    for name in set(api.__all__) - {"Layout", "Options"}:
        assert name in text, f"docs/api.md lacks {name}"


def test_each_option_is_in_the_manual_page_or_a_document() -> None:
    page = (ROOT / "share/man/man1/parakeet.1").read_text(encoding="utf-8").replace("\\-", "-")
    known = "\n".join((page, *(document.read_text(encoding="utf-8") for document in DOCUMENTS)))
    words = set(re.findall(r"--?[a-z][\w-]*", known))
    for verbs, command in commands().items():
        for param in command.params:
            if not getattr(param, "hidden", False) and param.opts[0].startswith("-"):
                names = {one for one in param.opts if one.startswith("--")} or {*param.opts}
                assert names & words, f"parakeet {' '.join(verbs)} {param.opts}"


@every_document
def test_each_quoted_script_and_target_exists(document: Path) -> None:
    for quoted in _quoted(document):
        for script in re.findall(r"\b[\w/.-]+\.(?:sh|py)\b", quoted):
            if "NAME" not in script:
                assert list(ROOT.glob(script)) or list(ROOT.glob(f"**/{script}")), quoted
        if target := re.match(r"(?:\$ )?make ([a-z-]+)", quoted):
            planned = subprocess.run(
                ["make", "--dry-run", target[1]], cwd=ROOT, capture_output=True, text=True
            )
            assert planned.returncode == 0, planned.stderr


@every_document
def test_each_link_within_the_project_leads_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_each_document_that_the_code_names_exists() -> None:
    sources = [ROOT / "pyproject.toml", *(ROOT / "parakeet_cli").rglob("*.py")]
    named = {
        (source.name, document)
        for source in sources
        for document in re.findall(r"\bdocs/[\w-]+\.md\b", source.read_text(encoding="utf-8"))
    }
    assert named
    assert not [(source, document) for source, document in named if not (ROOT / document).exists()]


def _trimmed(text: str) -> list[str]:
    return [line.rstrip() for line in text.strip().splitlines()]
