"""The bare engine: a NeMo script over WAV files, with nothing around it.

python bench/bare_nemo.py MODEL.nemo FILE...
"""

import sys

import torch
from nemo.collections.asr.models import ASRModel

path, *files = sys.argv[1:]
model = ASRModel.restore_from(path, map_location=torch.device("cpu"))
model.eval()
for found in model.transcribe(files, batch_size=4, verbose=False):
    print(found.text)
