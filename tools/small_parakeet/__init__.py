"""Makes a small Parakeet: speech from espeak-ng, training on a CPU, export, word error rate."""
