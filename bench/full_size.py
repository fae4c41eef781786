"""Makes a Parakeet of the published size with random weights, in an ML stack's interpreter.

    PYTHON bench/full_size.py OUT.nemo CLIP.wav [--layers N]

The script of the doctor's probe does it (parakeet_cli/doctor/probes/random_model.py), which says
what the model is like. Prints the model's figures as JSON.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

PROBE = Path(__file__).resolve().parent.parent / "parakeet_cli/doctor/probes/random_model.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--layers", type=int, default=24)
    options = parser.parse_args()
    command = [sys.executable, "-B", str(PROBE), options.out, options.clip, str(options.layers)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    event = json.loads(done.stdout.splitlines()[-1])
    if event["event"] != "ok":
        sys.exit(event["cause"])
    print(json.dumps(event["values"]))


if __name__ == "__main__":
    main()
