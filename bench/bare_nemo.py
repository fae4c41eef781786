"""Transcribes WAV files with NeMo alone, as the bare engine to compare with.

python bench/bare_nemo.py MODEL.nemo FILE...
"""

import sys

import torch
from nemo.collections.asr.models import ASRModel

path, *files = sys.argv[1:]
model = ASRModel.restore_from(path, map_location=torch.device("cpu"))
model.eval()
for hypothesis in model.transcribe(files, batch_size=4, verbose=False):
    print(hypothesis.text)
