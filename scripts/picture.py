"""Writes docs/images/transcribe.svg: a terminal in which parakeet's own output was recorded.

    python scripts/picture.py
"""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "images" / "transcribe.svg"
COLUMNS = 84
COMMANDS = (
    "parakeet transcribe samples/sense_0880.wav samples/sense_0920.wav",
    "parakeet transcribe samples/sense_0880.wav -f srt -o -",
    "parakeet dictate --from-file samples/sense_0930.wav --fast --no-history",
)


def output_of(command: str) -> str:
    """Return what `command` writes to a terminal of COLUMNS columns, with its colours."""
    parent, child = pty.openpty()
    environment = os.environ | {
        "COLUMNS": str(COLUMNS),
        "TERM": "xterm-256color",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    process = subprocess.Popen(
        command, shell=True, cwd=ROOT, env=environment, stdin=child, stdout=child, stderr=child
    )
    os.close(child)
    output = b""
    while True:
        try:
            block = os.read(parent, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not block:
            break
        output += block
    os.close(parent)
    if process.wait() != 0:
        raise SystemExit(f"{command}: exit code {process.returncode}\n{output.decode()}")
    return output.decode()


def settled(output: str) -> str:
    """Return what stays on the screen: lines of progress that were cleared are gone."""
    lines, row = [""], 0
    for part in re.split(r"(\r\n|\r|\n|\x1b\[[0-9]*A|\x1b\[2?K|\x1b\[\?25[lh])", output):
        if part in ("\r\n", "\n"):
            row += 1
            if row == len(lines):
                lines.append("")
        elif part.endswith("A") and part.startswith("\x1b["):
            row = max(0, row - int(part[2:-1] or 1))
        elif part in ("\x1b[2K", "\x1b[K"):
            lines[row] = ""
        elif part != "\r" and not part.startswith("\x1b[?25"):
            lines[row] += part
    return "\n".join(lines).strip("\n")


def main() -> None:
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for command in COMMANDS:
        console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(Text.from_ansi(settled(output_of(command))))
        console.print()
    PICTURE.parent.mkdir(exist_ok=True)
    console.save_svg(str(PICTURE), title="parakeet")


if __name__ == "__main__":
    main()
