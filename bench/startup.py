"""`parakeet --help` against a Typer program with two commands, in the same environment.

python bench/startup.py [--rounds N] [--write docs/benchmarks.md]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from measure import in_turn, machine, spread, write_table

TWO_COMMANDS = """
import typer

app = typer.Typer()


@app.command()
def one(number: int = 1) -> None:
    "The first."


@app.command()
def two(text: str = "") -> None:
    "The second."


app()
"""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15, help="counted rounds (default 15)")
    parser.add_argument("--write", type=Path, help="replace the table in this file")
    options = parser.parse_args()
    ours = [str(Path(sys.executable).with_name("parakeet")), "--help"]
    theirs = [sys.executable, "-c", TWO_COMMANDS, "--help"]
    runs = in_turn({"parakeet": ours, "two commands": theirs}, options.rounds, warmup=2)
    table = (
        f"Machine: {machine()}. Medians of whole processes, in turn.\n\n"
        "| `--help` of | seconds | parakeet ÷ this |\n|---|---|---|\n"
        f"| parakeet | {runs['parakeet'].median:.3f} | |\n"
        f"| a Typer program with two commands | {runs['two commands'].median:.3f} "
        f"| {spread(runs['parakeet'].against(runs['two commands']))} |\n"
    )
    print(table)
    if options.write:
        write_table(options.write, "startup", table)


if __name__ == "__main__":
    main()
