"""Probe script: transcribes one clip with one model, as the engine does.

    - WORKER MODEL.nemo CLIP.wav DEVICE [GRAPHS]

WORKER is the `__main__.py` of the engine's worker, whose modules it uses beside the standard
library; GRAPHS are the best CUDA graphs to try, by NeMo's name. It reports as import_modules.py
does; the last event has the transcript as `text`, or as `less` the graphs that another process can
try, if the device was lost while better ones were made.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import runpy
import sys
import time
import wave
from typing import Any, TextIO

PACKAGE = "parakeet_nemo_worker"


def main() -> None:
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()
    worker, model_path, clip, device, *graphs = sys.argv[1:]
    name = "transcribing a sample"
    began = time.monotonic()
    _write(events, event="begin", name=name)
    try:
        runpy.run_path(worker, run_name="parakeet_nemo_worker_folder")["load_package"]()
        text = _transcribe(model_path, clip, device, *graphs)
    except BaseException as error:
        _write(
            events,
            event="failed",
            name=name,
            seconds=time.monotonic() - began,
            cause=f"{type(error).__name__}: {' '.join(str(error).split())}",
            values={"less": getattr(error, "less", None)},  # of the worker's LostInCaptureError
        )
    else:
        _write(events, event="ok", name=name, seconds=time.monotonic() - began, text=text)
    os._exit(0)


def _transcribe(model_path: str, clip: str, device: str, *graphs: str) -> str:
    np: Any = importlib.import_module("numpy")
    loading, decoding = (
        importlib.import_module(f"{PACKAGE}.{name}") for name in ("loading", "decoding")
    )
    with wave.open(clip) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    audio = samples.astype(np.float32) / 32768
    request = loading.LoadRequest(model_path, device, **({"graphs": graphs[0]} if graphs else {}))
    loaded: Any = loading.load_model(request, _to_stderr)
    with loaded.cuda.inference():
        encoded, lengths, _ = loaded.encoder.encode([audio])
        (tokens,) = loaded.decoder.decode(encoded, lengths).result()
    return str(decoding.join_pieces(tokens.pieces))


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr)


def _write(events: TextIO, **fields: object) -> None:
    events.write(json.dumps(fields) + "\n")
    events.flush()


main()
