"""Made for the ML stack's interpreter: decodes the same frames on the CPU and on a device.

    python decode_on.py WORKER DEVICE PRECISION FOLDER CLIP.wav...

WORKER is the `__main__.py` of the engine's worker. The clips are encoded once for each .nemo file
in FOLDER, on the CPU in float32, so that only the decoding differs. Prints as JSON: name ->
[the pieces of each clip on the CPU, the same on the device].
"""

from __future__ import annotations

import importlib
import json
import runpy
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import torch

PACKAGE = "parakeet_nemo_worker"


def main() -> None:
    worker, device, precision, folder, *clips = sys.argv[1:]
    runpy.run_path(worker, run_name="parakeet_nemo_worker_folder")["load_package"]()
    # TensorFloat-32 has as few digits as bfloat16: a near tie would be decided otherwise.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    sounds = [read(clip) for clip in clips]
    dtype = getattr(torch, precision)
    print(json.dumps({path.stem: both(path, device, dtype, sounds)
                      for path in sorted(Path(folder).glob("*.nemo"))}))  # fmt: skip


def read(clip: str) -> Any:
    with wave.open(clip) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    return samples.astype(np.float32) / 32768


def both(path: Path, device: str, dtype: Any, sounds: list[Any]) -> list[list[list[str]]]:
    loading, encoding, decoding = (
        importlib.import_module(f"{PACKAGE}.{name}") for name in ("loading", "encoding", "decoding")
    )
    on_cpu = loading.choose_device("cpu")[0]
    model = loading.restore(loading.LoadRequest(str(path), "cpu"), on_cpu)
    encoder = encoding.Encoder(model, print_to_stderr, on_cpu)
    results = []
    with torch.inference_mode():
        encoded, lengths, _ = encoder.encode(sounds)
        for name in ("cpu", device):
            cuda = loading.choose_device(name)[0]
            for part in ("decoder", "joint"):
                if hasattr(model, part):
                    getattr(model, part).to(device=cuda.device, dtype=dtype)
            decoder = decoding.make_decoder(model, cuda, print_to_stderr)
            pending = decoder.decode(encoded.to(cuda.device, dtype), lengths.to(cuda.device))
            results.append([list(tokens.pieces) for tokens in pending.result()])
    return results


def print_to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
