"""Transcribes WAV files with onnx-asr alone, as the bare engine to compare with.

python bench/bare_onnx.py MODEL_TYPE MODEL_FOLDER FILE...
"""

import sys

import onnx_asr

kind, folder, *files = sys.argv[1:]
model = onnx_asr.load_model(kind, folder).with_timestamps()
for file in files:
    print(model.recognize(file).text)
