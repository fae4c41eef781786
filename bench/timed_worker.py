"""Runs the engine's worker in the ML stack's interpreter, and counts its model's CPU time.

    python bench/timed_worker.py WORKER_FOLDER SOCKET

The worker serves its pipes as ever. SOCKET is the number of an open socket: for each byte that
comes there, the answer is a line of JSON with the CPU seconds since the start, of the whole
process and of the model in it (features, encoder, and NeMo's decoder of tokens).

NeMo decodes by the code that its CUDA graphs are made of, in the mode that runs it as it is: so
the results have the shape that they have on a GPU.
"""

import functools
import importlib
import json
import runpy
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nemo.collections.asr.modules import AudioToMelSpectrogramPreprocessor, ConformerEncoder
from nemo.collections.asr.parts.submodules.transducer_decoding.rnnt_label_looping import (
    GreedyBatchedRNNTLabelLoopingComputer,
)
from nemo.collections.asr.parts.submodules.transducer_decoding.tdt_label_looping import (
    GreedyBatchedTDTLabelLoopingComputer,
)

COMPUTERS = (GreedyBatchedTDTLabelLoopingComputer, GreedyBatchedRNNTLabelLoopingComputer)
PARTS = [
    (AudioToMelSpectrogramPreprocessor, "forward"),
    (ConformerEncoder, "forward"),
    *((computer, "cuda_graphs_impl") for computer in COMPUTERS),
]
model_seconds = 0.0


def main() -> None:
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    for computer in COMPUTERS:
        computer.torch_impl = as_on_a_gpu
    for owner, name in PARTS:
        setattr(owner, name, timed(getattr(owner, name)))
    threading.Thread(target=answer, args=(socket.socket(fileno=number),), daemon=True).start()
    runpy.run_path(str(folder / "__main__.py"), run_name="timed")["load_package"]()
    importlib.import_module("parakeet_nemo_worker.serve").main()


def as_on_a_gpu(computer: Any, *arguments: Any, **options: Any) -> Any:
    """For a worker that leaves the choice to NeMo, which takes `torch_impl` on a CPU."""
    if computer.cuda_graphs_mode is None:
        computer.force_cuda_graphs_mode("no_graphs")
    return computer.cuda_graphs_impl(*arguments, **options)


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose CPU time is added to the model's. No timed function calls another."""

    @functools.wraps(function)
    def run(*arguments: Any, **options: Any) -> Any:
        global model_seconds
        began = time.thread_time()
        try:
            return function(*arguments, **options)
        finally:
            model_seconds += time.thread_time() - began

    return run


def answer(channel: socket.socket) -> None:
    while channel.recv(1):
        found = {"process": time.process_time(), "model": model_seconds}
        channel.sendall(json.dumps(found).encode() + b"\n")


if __name__ == "__main__":
    main()
