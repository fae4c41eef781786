"""What a person sees of a repair on a real terminal, and what the keys do."""

from __future__ import annotations

import http.server
import re
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.version import Version

from parakeet_cli.doctor.repair.pip import RAW_PROGRESS
from tests.integration.doctor.fake_stack import Environment
from tests.integration.doctor.repairing import (
    IndexServer,
    RepairCase,
    index,
    of,
    pinned_wheels,
    upgrades,
)
from tests.integration.doctor.terminal import Terminal, render

pytestmark = pytest.mark.slow

STEPS = [
    "1  Core scientific stack",
    "3  Fixed versions for NeMo compatibility",
    "4  PyTorch ecosystem",
    "6  Missing NeMo dependencies",
]
CTRL_C, CTRL_D = "\x03", "\x04"


@pytest.fixture(scope="module")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("terminal")
    wheels = pinned_wheels()
    environment = Environment.new(folder / "upgraded")
    environment.install(wheels.values(), folder / "good")
    environment.install(upgrades(wheels), folder / "bad")
    return environment


@pytest.fixture
def case(upgraded: Environment, tmp_path: Path) -> RepairCase:
    house = upgraded.prefix.parent / "good"
    return RepairCase(upgraded.copy(tmp_path / "env"), tmp_path, house)


def asked(case: RepairCase, columns: int, *words: str) -> Terminal:
    """The repair, up to its question."""
    words = words or ("--wheelhouse", str(case.wheelhouse))
    terminal = Terminal(case.command("--fix", *words), case.environ(), columns)
    terminal.wait_for("Go ahead? [y/N] ")
    return terminal


@pytest.mark.parametrize("columns", [40, 80])
def test_yes_repairs_with_a_line_for_each_step_and_the_rollback_command(
    case: RepairCase, columns: int
) -> None:
    terminal = asked(case, columns)
    plan = "".join(terminal.lines())
    assert "numpy 2.4.6 -> 1.26.4" in plan
    assert "5 packages to fetch" in plan
    terminal.press("y\n")
    assert terminal.end() == 0, terminal.written
    lines = terminal.lines()
    after = lines[next(n for n, line in enumerate(lines) if line.startswith("Go ahead?")) :]
    assert [line for line in after if line in STEPS or line[:columns] in STEPS] == STEPS
    assert "#" not in "".join(after)  # no part of a bar is left
    text = "".join(after)
    assert "numpy 2.4.6 → 1.26.4" in text
    assert re.search(r"Repaired in \d+ s", text)
    assert "parakeet doctor rollback --python" in re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("keys", ["n\n", "\n", "what?\n", CTRL_D, CTRL_C])
def test_anything_but_yes_is_a_no(case: RepairCase, keys: str) -> None:
    before = case.tree()
    terminal = asked(case, 80)
    terminal.press(keys)
    assert terminal.end() == 6, terminal.written
    # Ctrl-C may come before the answer is waited for.
    assert re.fullmatch(r"Error: (Interrupted\. )?Nothing was changed\.", terminal.lines()[-2])
    assert case.tree() == before


def test_ctrl_c_before_the_question_is_a_no_too(case: RepairCase) -> None:
    before = case.tree()
    terminal = Terminal(case.fix_command(), case.environ(), 80)
    terminal.wait_for("Finding out what has")
    terminal.press(CTRL_C)
    assert terminal.end() == 6, terminal.written
    assert "Error: Interrupted. Nothing was changed." in terminal.lines()
    assert case.tree() == before


def test_ctrl_c_while_installing_puts_everything_back_and_says_so(case: RepairCase) -> None:
    before = case.tree()
    terminal = asked(case, 80)
    terminal.press("y\n")
    terminal.wait_for(STEPS[2])
    terminal.press(CTRL_C)
    assert terminal.end() == 4, terminal.written
    assert terminal.lines()[-3:] == [
        "Putting everything back.",
        "Error: Interrupted (SIGINT). Everything was put back.",
        "",
    ]
    assert case.tree() == before


class Slowly(http.server.SimpleHTTPRequestHandler):
    """A package index that sends its big wheel bit by bit, and stops halfway."""

    protocol_version = "HTTP/1.0"
    whole = threading.Event()  # set: the second half comes

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if not (path.name.startswith("numpy-1.26.4") and path.suffix == ".whl"):
            super().do_GET()
            return
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        step = len(data) // 20
        for start in range(0, len(data), step):
            if start > len(data) // 2:
                type(self).whole.wait()
            self.wfile.write(data[start : start + step])
            time.sleep(0.1)  # pip reports its progress every quarter of a second, not more often

    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # pip is gone: Ctrl-C ended it
            super().handle()


@pytest.fixture
def served(case: RepairCase) -> Iterator[RepairCase]:
    """The good wheels on a server; numpy's has 6 MB of ballast."""
    if Version(version("pip")) < Version(RAW_PROGRESS):
        pytest.skip(f"pip {version('pip')} reports no progress")
    folder = case.tmp / "index"
    wheels = pinned_wheels()
    files = {**wheels["numpy"].files, "numpy/ballast": "x" * 6_000_000}
    wheels["numpy"] = of(wheels, "numpy", "1.26.4", files=files)
    index(folder, *wheels.values())
    for wheel in folder.glob("*/*.whl"):  # pip reads a wheel's requirements without it
        with zipfile.ZipFile(wheel) as archive:
            [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
            wheel.with_name(f"{wheel.name}.metadata").write_bytes(archive.read(name))
        link = f'<a data-dist-info-metadata="true" href="{wheel.name}">{wheel.name}</a>'
        wheel.with_name("index.html").write_text(link)
    Slowly.whole.set()
    server = IndexServer(("127.0.0.1", 0), partial(Slowly, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    case.variables = {
        "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_port}/",
        "PIP_TIMEOUT": "300",  # or it would give up while the server waits
    }
    yield case
    Slowly.whole.set()
    server.shutdown()
    server.server_close()
    thread.join()


def asked_of_index(case: RepairCase, columns: int) -> Terminal:
    """The repair from the index, up to its question. What it fetches from then on stops halfway.

    The plan may fetch as well: an index without sums has uv compute them.
    """
    terminal = asked(case, columns, "--torch-index", "default")
    Slowly.whole.clear()
    return terminal


@pytest.mark.parametrize("columns", [40, 80])
def test_a_download_has_a_bar_that_fits_and_disappears(served: RepairCase, columns: int) -> None:
    terminal = asked_of_index(served, columns)
    terminal.press("y\n")
    terminal.wait_for(" of 6 MB")
    bar = terminal.lines()[-1]
    assert re.match(r"#*\.+ \d of 6 MB", bar), bar
    assert len(bar) < columns
    assert ("numpy-1.26.4" in bar) is (columns == 80)
    Slowly.whole.set()
    assert terminal.end() == 0, terminal.written
    assert not [line for line in terminal.lines() if "of 6 MB" in line]


def test_ctrl_c_while_fetching_changes_nothing(served: RepairCase) -> None:
    before = served.tree()
    terminal = asked_of_index(served, 80)
    terminal.press("y\n")
    terminal.wait_for(" of 6 MB")
    terminal.press(CTRL_C)
    assert terminal.end() == 6, terminal.written
    assert terminal.lines()[-2:] == ["Error: Interrupted (SIGINT). Nothing was changed.", ""]
    assert not [line for line in terminal.lines() if "of 6 MB" in line]
    assert served.tree() == before


def test_the_rendering_of_a_terminal() -> None:
    assert render("ab\rc\r\nd", 80) == ["cb", "d"]
    assert render("abc\r\x1b[K\x1b[1;31md\x1b[0m", 80) == ["d"]
    assert render("abcde\rf", 3) == ["abc", "fe"]
