from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from parakeet_cli.cli.dictate.terminal_row import TerminalRow


def test_the_cursor_waits_in_front_of_the_line_which_is_cut_to_the_terminal() -> None:
    out = io.StringIO()
    row = TerminalRow(Console(file=out, width=10, force_terminal=True))
    row.draw(Text("too early"))
    row.start()
    row.draw(Text("twelve cells"))
    row.stop()
    row.draw(Text("too late"))
    drawn = "\x1b[J\x1b[?7ltwelve c…\r\x1b[?7h"
    assert out.getvalue() == f"\x1b[?25l{drawn}\x1b[J\x1b[?25h"
