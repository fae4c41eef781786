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

# Test files of no single module.
OF_THE_REPOSITORY = {
    "test_container_files.py",
    "test_requirements_files.py",
    "test_structure.py",
}

# Modules, or folders with modules, whose tests need an engine, a process, a device, a network
# or the whole command, or that only declare types; and where in tests/ those tests are.
ELSEWHERE = {
    "api.py": "integration/transcribe/test_api.py",
    "audio/decode/base.py": "unit/audio/decode/test_media.py",
    "audio/decode/decoder.py": "unit/audio/decode/test_media.py integration/audio",
    "audio/decode/ending.py": "integration/audio/test_containers.py",
    "audio/decode/open.py": "unit/audio/decode/test_media.py",
    "audio/decode/packets.py": "integration/audio/test_damage.py",
    "audio/decode/pool.py": "integration/audio/test_pool.py",
    "audio/decode/probe/": "unit/audio/decode/probe/test_headers.py fuzz/test_headers.py",
    "audio/decode/worker.py": "integration/audio/test_pool.py",
    "audio/microphone/capture_client.py": "integration/dictate/test_microphone.py",
    "audio/microphone/capture_process.py": "integration/dictate/test_microphone.py",
    "audio/microphone/portaudio_stream.py": "integration/dictate/test_microphone.py",
    "audio/microphone/pulse_server.py": "integration/dictate/test_microphone.py",
    "audio/microphone/pulse_stream.py": "integration/dictate/test_microphone.py",
    "audio/microphone/ready.py": "integration/dictate/test_first_syllable.py",
    "audio/segment/speech.py": "unit/transcribe/pipeline/test_feeders.py",
    "audio/segment/utterances.py": "unit/audio/segment/test_endpointer.py integration/dictate",
    "audio/segment/vad.py": "integration/dictate/test_noise.py",
    "cli/": "cli integration/transcribe integration/dictate integration/doctor",
    "dictate/daemon/": "integration/dictate/test_daemon.py integration/dictate/test_warm.py",
    "dictate/desktop/": "integration/dictate/test_suspended.py integration/dictate/test_hotkey.py "
    "integration/dictate/test_on_the_desktop.py",
    "dictate/session/": "integration/dictate",
    "dictate/sinks/base.py": "unit/dictate/sinks/test_sinks.py",
    "dictate/sinks/clipboard.py": "integration/dictate/test_clipboard.py",
    "dictate/sinks/system_clipboard.py": "integration/dictate/test_clipboard.py",
    "dictate/sinks/typed/": "integration/dictate/test_typing.py integration/dictate/test_portal.py",
    "doctor/checks/": "unit/doctor/checks/cases.py unit/doctor/checks/test_checks.py",
    "doctor/inspect/gather.py": "unit/doctor/test_diagnose.py integration/doctor/test_staged.py",
    "doctor/probes/": "integration/doctor/test_probes.py",
    "doctor/repair/request.py": "integration/doctor/test_repair.py",
    "doctor/repair/resolve.py": "integration/doctor/test_uv_and_pip.py",
    "doctor/repair/run.py": "integration/doctor/test_repair.py",
    "doctor/repair/transaction.py": "integration/doctor/test_repair_in_place.py",
    "config/settings.py": "unit/config/test_config.py",
    "engines/nemo/": "integration/transcribe/test_nemo.py",
    "engines/onnx/": "integration/transcribe/test_onnx.py",
    "engines/whisper/": "integration/transcribe/test_engines.py",
    "engines/shared/engine.py": "unit/engines/shared/test_owner.py",
    "engines/shared/host.py": "unit/engines/shared/test_access.py",
    "engines/shared/paths.py": "unit/engines/shared/test_access.py",
    "engines/shared/protocol.py": "unit/engines/shared/test_access.py",
    "engines/shared/remote.py": "unit/engines/shared/test_access.py",
    "engines/shared/request.py": "unit/engines/shared/test_owner.py",
    "engines/shared/worker.py": "unit/engines/shared/test_owner.py",
    "errors.py": "unit/test_console.py",
    "models/hub.py": "integration/models/test_hub.py",
    "models/progress.py": "integration/models/test_hub.py",
    "models/scan/allowlist.py": "unit/models/scan/test_configuration.py",
    "models/types.py": "unit/models/test_registry.py",
    "server/": "integration/server",
    "setup/install.py": "integration/setup/test_nemo.py",
    "setup/request.py": "unit/setup/test_choose.py",
    "setup/run.py": "integration/setup/test_nemo.py integration/setup/test_onnx.py",
    "transcribe/pipeline/file_in_work.py": "unit/transcribe/pipeline/test_feeders.py",
    "transcribe/pipeline/options.py": "unit/transcribe/pipeline/test_jobs.py",
    "transcribe/pipeline/transcripts.py": "integration/transcribe/test_channels.py",
    "transcribe/pipeline/progress.py": "unit/transcribe/pipeline/test_jobs.py",
    "transcribe/run/planning.py": "unit/transcribe/run/test_batch.py integration/transcribe",
    "transcribe/watch/session.py": "integration/transcribe/test_watch.py",
    "transcribe/workers/": "integration/transcribe/test_workers.py",
}


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


def test_a_file_of_unit_tests_has_the_name_of_its_module() -> None:
    """Or of its folder, for the tests of the folder's `__init__.py`."""
    strays = []
    for test in UNIT_TESTS.rglob("test_*.py"):
        folder = PACKAGE / test.parent.relative_to(UNIT_TESTS)
        names = {path.stem for path in folder.glob("*.py")} | {folder.name}
        if test.name not in OF_THE_REPOSITORY and test.stem.removeprefix("test_") not in names:
            strays.append(str(test.relative_to(ROOT)))
    assert strays == []


def test_a_module_without_unit_tests_of_its_name_is_listed_with_where_its_tests_are() -> None:
    missing = [
        name
        for path in modules()
        if not path.name.startswith("__") and not unit_tests_of(path).exists()
        if not (name := str(path.relative_to(PACKAGE))).startswith(tuple(ELSEWHERE))
    ]
    assert missing == [], "write unit tests, or add a row to ELSEWHERE"


@pytest.mark.parametrize("row", ELSEWHERE)
def test_a_row_of_tests_that_are_elsewhere_is_current(row: str) -> None:
    paths = (PACKAGE / row).rglob("*.py") if row.endswith("/") else [PACKAGE / row]
    assert any(path.exists() and not unit_tests_of(path).exists() for path in paths)
    for place in ELSEWHERE[row].split():
        assert (ROOT / "tests" / place).exists(), place


def unit_tests_of(module: Path) -> Path:
    return UNIT_TESTS / module.parent.relative_to(PACKAGE) / f"test_{module.stem}.py"
