"""Times NeMo's own transcribe() on WAV files, without its start and load.

    python bench/bare_rtfx.py MODEL.nemo DEVICE BATCH FILE...

As the Open ASR Leaderboard runs it, with bfloat16 if the GPU supports it. Prints JSON.
"""

import json
import sys
import time

import torch
from nemo.collections.asr.models import ASRModel

path, device, batch, *files = sys.argv[1:]
model = ASRModel.restore_from(path, map_location=torch.device("cpu")).eval().to(device)
half = device.startswith("cuda") and torch.cuda.is_bf16_supported()
with torch.inference_mode(), torch.autocast("cuda", torch.bfloat16, enabled=half):
    model.transcribe(files[: int(batch)], batch_size=int(batch), verbose=False)  # warm up
    started = time.perf_counter()
    model.transcribe(files, batch_size=int(batch), verbose=False)
    seconds = time.perf_counter() - started
gpu = torch.cuda.get_device_name() if device.startswith("cuda") else None
print(json.dumps({"seconds": seconds, "gpu": gpu}))
