"""Probe script: multiplies two matrices on each GPU and compares with the CPU's result.

It uses the standard library and torch only, and reports as import_modules.py does.
"""

from __future__ import annotations

import faulthandler
import importlib
import json
import os
import time
from typing import TextIO

SIZE = 512
TOLERANCE = 1e-2  # of sums of 512 products in float32 or TF32


def main() -> None:
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    faulthandler.enable()
    name = "torch.cuda"
    began = time.monotonic()
    _write(events, event="begin", name=name)
    try:
        torch = importlib.import_module("torch")
        if not torch.cuda.is_available():
            torch.zeros(1).cuda()  # raises the reason
            raise RuntimeError("torch.cuda.is_available() is False")
        _write(events, event="ok", name=name, seconds=time.monotonic() - began)
        for index in range(torch.cuda.device_count()):
            name = f"matrix product on cuda:{index}"
            began = time.monotonic()
            _write(events, event="begin", name=name)
            torch.manual_seed(0)
            left, right = torch.randn(SIZE, SIZE), torch.randn(SIZE, SIZE)
            device = torch.device("cuda", index)
            product = (left.to(device) @ right.to(device)).cpu()
            error = ((product - left @ right).abs().max() / SIZE**0.5).item()
            if not error < TOLERANCE:
                raise ArithmeticError(f"the product is wrong by {error:.3g}")
            _write(events, event="ok", name=name, seconds=time.monotonic() - began)
    except BaseException as error:
        cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
        _write(events, event="failed", name=name, seconds=time.monotonic() - began, cause=cause)
    os._exit(0)


def _write(events: TextIO, **fields: object) -> None:
    events.write(json.dumps(fields) + "\n")
    events.flush()


main()
