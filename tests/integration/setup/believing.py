"""`parakeet setup` with a proof that believes every engine: a made-up stack can't transcribe."""

from __future__ import annotations

import sys
from pathlib import Path
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[3]))

from parakeet_cli.cli import setup_output
from parakeet_cli.setup.prove import EngineUnderTest
from parakeet_cli.setup.request import ProofSample, SetupOutcome, SetupRequest, SetupView
from parakeet_cli.setup.run import run_setup


def believe(engine: EngineUnderTest, sample: ProofSample) -> str:
    return f"{sample.clip.name} is believed to be transcribed by {engine.python}."


def run_believing(request: SetupRequest, view: SetupView) -> SetupOutcome:
    return run_setup(request, view, prover=believe)


if __name__ == "__main__":
    from parakeet_cli.__main__ import main

    sys.argv[1:1] = ["setup"]
    with patch.object(setup_output, "run_setup", run_believing):
        main()
