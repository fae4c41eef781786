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
from pathlib import Path

import pytest

from tests.integration.doctor.fake_stack import Environment
from tests.integration.doctor.repairing import Surgery, index, of, pinned_wheels, upgrades
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
def surgery(upgraded: Environment, tmp_path: Path) -> Surgery:
    house = upgraded.prefix.parent / "good"
    return Surgery(upgraded.copy(tmp_path / "env"), tmp_path, house)


def asked(surgery: Surgery, columns: int, *words: str) -> Terminal:
    """The repair, up to its question."""
    words = words or ("--wheelhouse", str(surgery.wheelhouse))
    terminal = Terminal(surgery.command("--fix", *words), surgery.environ(), columns)
    terminal.wait_for("Go ahead? [y/N] ")
    return terminal


@pytest.mark.parametrize("columns", [40, 80])
def test_yes_repairs_with_a_line_a_step_and_the_way_back(surgery: Surgery, columns: int) -> None:
    terminal = asked(surgery, columns)
    plan = "".join(terminal.lines())
    assert "numpy 2.4.6 -> 1.26.4" in plan
    assert "5 packages to fetch" in plan
    terminal.press("y\n")
    assert terminal.end() == 0, terminal.written
    lines = terminal.lines()
    after = lines[next(n for n, line in enumerate(lines) if line.startswith("Go ahead?")) :]
    assert [line for line in after if line in STEPS or line[:columns] in STEPS] == STEPS
    assert "#" not in "".join(after)  # nothing of a bar is left
    said = "".join(after)
    assert "numpy 2.4.6 → 1.26.4" in said
    assert re.search(r"Repaired in \d+ s", said)
    assert "parakeet doctor rollback --python" in re.sub(r"\s+", " ", said)


@pytest.mark.parametrize("keys", ["n\n", "\n", "what?\n", CTRL_D, CTRL_C])
def test_anything_but_yes_is_a_no(surgery: Surgery, keys: str) -> None:
    before = surgery.tree()
    terminal = asked(surgery, 80)
    terminal.press(keys)
    assert terminal.end() == 6, terminal.written
    # Ctrl-C may come before the answer is waited for.
    assert re.fullmatch(r"Error: (Interrupted\. )?Nothing was changed\.", terminal.lines()[-2])
    assert surgery.tree() == before


def test_ctrl_c_before_the_question_is_a_no_too(surgery: Surgery) -> None:
    before = surgery.tree()
    terminal = Terminal(surgery.fix_command(), surgery.environ(), 80)
    terminal.wait_for("Asking pip")
    terminal.press(CTRL_C)
    assert terminal.end() == 6, terminal.written
    assert "Error: Interrupted. Nothing was changed." in terminal.lines()
    assert surgery.tree() == before


def test_ctrl_c_while_installing_puts_everything_back_and_says_so(surgery: Surgery) -> None:
    before = surgery.tree()
    terminal = asked(surgery, 80)
    terminal.press("y\n")
    terminal.wait_for(STEPS[2])
    terminal.press(CTRL_C)
    assert terminal.end() == 4, terminal.written
    assert terminal.lines()[-3:] == [
        "Putting everything back.",
        "Error: Interrupted (SIGINT). Everything was put back.",
        "",
    ]
    assert surgery.tree() == before


class Slowly(http.server.SimpleHTTPRequestHandler):
    """A package index whose big wheel comes bit by bit, or stands still at the half."""

    protocol_version = "HTTP/1.0"
    held = threading.Event()  # set: the second half comes

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
                type(self).held.wait()
            self.wfile.write(data[start : start + step])
            time.sleep(0.1)  # pip tells its progress every quarter of a second, not oftener

    def log_message(self, *args: object) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError):  # pip is gone: Ctrl-C ended it
            super().handle()


@pytest.fixture
def served(surgery: Surgery) -> Iterator[Surgery]:
    """The good wheels on a server, numpy with 6 MB of ballast in it."""
    folder = surgery.tmp / "index"
    wheels = pinned_wheels()
    files = {**wheels["numpy"].files, "numpy/ballast": "x" * 6_000_000}
    wheels["numpy"] = of(wheels, "numpy", "1.26.4", files=files)
    index(folder, *wheels.values())
    for wheel in folder.glob("*/*.whl"):  # what a wheel needs is asked without fetching it
        with zipfile.ZipFile(wheel) as archive:
            [name] = [name for name in archive.namelist() if name.endswith("/METADATA")]
            wheel.with_name(f"{wheel.name}.metadata").write_bytes(archive.read(name))
        link = f'<a data-dist-info-metadata="true" href="{wheel.name}">{wheel.name}</a>'
        wheel.with_name("index.html").write_text(link)
    Slowly.held.clear()
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Slowly, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    surgery.variables = {
        "PIP_INDEX_URL": f"http://127.0.0.1:{server.server_port}/",
        "PIP_TIMEOUT": "300",  # or it would give up while the server stands still
    }
    yield surgery
    Slowly.held.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("columns", [40, 80])
def test_a_download_has_a_bar_that_fits_and_goes(served: Surgery, columns: int) -> None:
    terminal = asked(served, columns, "--torch-index", "default")
    terminal.press("y\n")
    terminal.wait_for(" of 6 MB")
    bar = terminal.lines()[-1]
    assert re.match(r"#*\.+ \d of 6 MB", bar), bar
    assert len(bar) < columns
    assert ("numpy-1.26.4" in bar) is (columns == 80)
    Slowly.held.set()
    assert terminal.end() == 0, terminal.written
    assert not [line for line in terminal.lines() if "of 6 MB" in line]


def test_ctrl_c_while_fetching_touches_nothing(served: Surgery) -> None:
    before = served.tree()
    terminal = asked(served, 80, "--torch-index", "default")
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
