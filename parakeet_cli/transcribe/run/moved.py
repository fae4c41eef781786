"""Translates a journal's absolute paths if the run's inputs or outputs are elsewhere by now."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from parakeet_cli.system.json_lines import Row

Move = tuple[str, str]  # from a folder to another


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the inputs and the outputs were, and where they are.

    `options` are the fingerprints of the same options with the old folder of outputs and with
    the new one.
    """

    inputs: Move
    outputs: Move
    options: Move

    def row(self, row: Row, keys: Container[str]) -> Row:
        """The row as the run would have written it where it is now.

        A key of the plan stays: not everything has moved if there are more inputs than before.
        """
        changed: Row = {}
        for kind in ("begun", "ended"):
            if kind in row and row[kind] not in keys:
                key = _moved(row[kind], self.inputs)
                if key in keys:
                    changed[kind] = key
        if row.get("options") == self.options[0]:
            changed["options"] = self.options[1]
            if "outputs" in row:
                changed["outputs"] = [
                    [_moved(one[0], self.outputs), *one[1:]] for one in row["outputs"]
                ]
        return {**row, **changed} if changed else row


def _moved(path: str, move: Move) -> str:
    old, new = (folder.rstrip("/") + "/" for folder in move)
    return new + path.removeprefix(old) if path.startswith(old) else path
