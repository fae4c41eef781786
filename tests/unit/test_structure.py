"""The limits that keep the package easy to read, and the tests easy to find."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "parakeet_cli"
UNIT_TESTS = ROOT / "tests" / "unit"
FILES_PER_FOLDER = 14
LINES_PER_MODULE = 400
LINES_PER_FUNCTION = 60


def modules() -> Iterator[Path]:
    return PACKAGE.rglob("*.py")


def folders(root: Path) -> Iterator[Path]:
    for path in (root, *root.rglob("*")):
        if path.is_dir() and path.name != "__pycache__":
            yield path


def test_no_folder_has_more_files_than_can_be_taken_in_at_once() -> None:
    counts = {
        str(folder.relative_to(ROOT)): sum(path.is_file() for path in folder.iterdir())
        for folder in folders(PACKAGE)
        if folder != PACKAGE / "cli"
    }
    assert {name: count for name, count in counts.items() if count > FILES_PER_FOLDER} == {}


def test_no_module_is_too_long() -> None:
    lengths = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in modules()
    }
    assert {name: length for name, length in lengths.items() if length > LINES_PER_MODULE} == {}


def test_no_function_is_too_long() -> None:
    too_long = {
        f"{path.relative_to(ROOT)}:{function.name}": length
        for path in modules()
        for function in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(function, ast.FunctionDef)
        if (length := body_lines(function)) > LINES_PER_FUNCTION
    }
    assert too_long == {}


def body_lines(function: ast.FunctionDef) -> int:
    """The function's lines; without its signature where that is a command's options."""
    begin = function.body[0].lineno if is_typer_signature(function) else function.lineno
    nested = [node for node in function.body if isinstance(node, ast.FunctionDef)]
    commands = [node for node in nested if is_typer_signature(node)]
    return (function.end_lineno or begin) - begin + 1 - sum(map(lines_of, commands))


def is_typer_signature(function: ast.FunctionDef) -> bool:
    """Whether its parameters are annotated with `typer.Option` or our shared options."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    return any(
        argument.annotation is not None
        and ("typer." in (text := ast.unparse(argument.annotation)) or "options." in text)
        for argument in arguments
    )


def lines_of(function: ast.FunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


@pytest.mark.parametrize(
    "folder", [str(path.relative_to(UNIT_TESTS)) for path in folders(UNIT_TESTS)]
)
def test_a_folder_of_unit_tests_has_a_folder_of_the_package(folder: str) -> None:
    tests = list((UNIT_TESTS / folder).glob("test_*.py"))
    assert (PACKAGE / folder).is_dir() or not tests
    if tests:
        assert (UNIT_TESTS / folder / "__init__.py").is_file()


def test_a_module_s_unit_tests_are_found_by_its_name() -> None:
    """A test file is named for a module beside it, or for a part of what one module does."""
    strays = []
    for test in UNIT_TESTS.rglob("test_*.py"):
        if test.parent == UNIT_TESTS and test.name == Path(__file__).name:
            continue
        beside = PACKAGE / test.parent.relative_to(UNIT_TESTS)
        names = {path.stem for path in beside.glob("*.py")} | {beside.name}
        stem = test.stem.removeprefix("test_")
        if not any(stem == name or stem.startswith(f"{name}_") for name in names):
            strays.append(str(test.relative_to(ROOT)))
    assert strays == []
