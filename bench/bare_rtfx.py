"""Times NeMo's own transcribe() on WAV files, without its start and load.

    python bench/bare_rtfx.py MODEL.nemo DEVICE BATCH[,BATCH...] FILE...

As the Open ASR Leaderboard runs it, with bfloat16 if the GPU supports it. `sorted_seconds` are
with the files sorted by duration, the longest first, as the leaderboard's run_eval.py sorts them.
Prints JSON: for one batch size an object, for several a list.
"""

import json
import os
import sys
import time

import torch
from nemo.collections.asr.models import ASRModel

path, device, batches, *files = sys.argv[1:]
model = ASRModel.restore_from(path, map_location=torch.device("cpu")).eval().to(device)
on_gpu = device.startswith("cuda")
half = on_gpu and torch.cuda.is_bf16_supported()
longest_first = sorted(files, key=os.path.getsize, reverse=True)


def timed(names: list[str], batch: int) -> float:
    started = time.perf_counter()
    model.transcribe(names, batch_size=batch, verbose=False)
    return time.perf_counter() - started


rows = []
several = "," in batches
for batch in map(int, batches.split(",")):
    if on_gpu:
        torch.cuda.reset_peak_memory_stats(device)
    row = {"batch": batch}
    try:
        with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=half):
            timed(longest_first[:batch], batch)  # warm up
            row["seconds"] = timed(files, batch)
            if several:
                row["sorted_seconds"] = timed(longest_first, batch)
    except torch.cuda.OutOfMemoryError:
        if not several:
            raise
        torch.cuda.empty_cache()
    row["gpu"] = torch.cuda.get_device_name() if on_gpu else None
    row["peak_memory"] = torch.cuda.max_memory_reserved(device) / 2**20 if on_gpu else None
    rows.append(row)
print(json.dumps(rows if several else rows[0]))
