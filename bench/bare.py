"""Runs faster-whisper in a loop over files, without anything around it.

python bench/bare.py MODEL_FOLDER THREADS FILE...
"""

import sys

from faster_whisper import WhisperModel

folder, threads, *files = sys.argv[1:]
model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=int(threads))
for file in files:
    segments, _ = model.transcribe(file, language="en", beam_size=5, vad_filter=True)
    print(" ".join(segment.text.strip() for segment in segments))
