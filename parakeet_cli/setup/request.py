"""What a setup is asked for, what it plans, and how it talks to a person."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from parakeet_cli.doctor.repair.request import RepairView


@dataclass(frozen=True, slots=True)
class ProofSample:
    """The clip that proves an engine; `text` is None where nobody knows its words."""

    clip: Path
    text: str | None


@dataclass(frozen=True, slots=True)
class SetupRequest:
    """The options of `parakeet setup`. What is None is chosen."""

    sample: ProofSample
    engine: str | None = None
    stack: str | None = None
    torch_index: str | None = None
    model: str | None = None  # a name, a hub id or a path
    env: str | None = None
    base_python: str | None = None
    wheelhouse: str | None = None
    config: str | None = None
    yes: bool = False
    dry_run: bool = False
    offline: bool = False


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """What a setup will do. `stack` and `torch_index` are None for the engine onnx."""

    engine: str
    stack: str | None
    torch_index: str | None
    model: str
    env: str  # of a new or kept environment, or of the tool itself for onnx
    bytes: int | None  # to download, about; None where that isn't known
    steps: tuple[str, ...]  # sentences
    reason: str = ""  # why this engine

    def as_json(self) -> dict[str, object]:
        return {
            "engine": self.engine,
            "stack": self.stack,
            "torch_index": self.torch_index,
            "model": self.model,
            "env": self.env,
            "bytes": self.bytes,
            "steps": list(self.steps),
        }


@dataclass(frozen=True, slots=True)
class SetupOutcome:
    """How a setup ended: its plan, and what the sample showed. Neither proof nor warnings where
    it was only planned.
    """

    plan: SetupPlan
    proof: str = ""  # a sentence
    warnings: tuple[str, ...] = ()  # what keeps the choice from being used unasked


class SetupView(RepairView, Protocol):
    """Shows a setup to a person, and asks. The doctor's part is shown in the same place."""

    @property
    def shows_progress(self) -> bool:
        """Whether there is a bar for a download."""

    def show_setup(self, plan: SetupPlan) -> None:
        """Show the plan, before anything is changed."""
