"""A small Parakeet of our own: speech from espeak-ng, training on a CPU, export, WER."""
