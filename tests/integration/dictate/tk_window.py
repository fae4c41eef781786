"""A window with Tk's Entry or Text; whatever is in it is in the file as well."""

from __future__ import annotations

import sys
import tkinter
from pathlib import Path


def main(widget: str, title: str, file: Path, ready: Path) -> None:
    root = tkinter.Tk()
    root.title(title)
    root.geometry("400x200+300+300")
    entered = tkinter.StringVar()

    def keep(text: str) -> None:
        beside = file.with_suffix(".part")
        beside.write_text(text, encoding="utf-8", errors="surrogatepass")
        beside.replace(file)

    if widget == "Entry":
        entry = tkinter.Entry(root, textvariable=entered)
        entered.trace_add("write", lambda *_: keep(entered.get()))
        shown: tkinter.Widget = entry
    else:
        text = tkinter.Text(root)

        def changed(_: object) -> None:
            if text.edit_modified():
                keep(text.get("1.0", "end-1c"))
                text.edit_modified(False)

        text.bind("<<Modified>>", changed)
        shown = text
    shown.pack(fill="both", expand=True)
    root.update()
    shown.focus_force()
    root.update()
    ready.touch()
    root.mainloop()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
