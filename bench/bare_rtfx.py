"""The bare engine, timed: NeMo's own transcribe() over WAV files, without start and load.

    python bench/bare_rtfx.py MODEL.nemo DEVICE BATCH FILE...

As the Open ASR Leaderboard runs it: bfloat16 where the GPU has it. Prints seconds as JSON.
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
    model.transcribe(files[: int(batch)], batch_size=int(batch), verbose=False)  # to be warm
    begun = time.perf_counter()
    model.transcribe(files, batch_size=int(batch), verbose=False)
    seconds = time.perf_counter() - begun
gpu = torch.cuda.get_device_name() if device.startswith("cuda") else None
print(json.dumps({"seconds": seconds, "gpu": gpu}))
