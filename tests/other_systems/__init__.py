"""Shows parakeet's own modules another system than the one that runs: put this on PYTHONPATH."""
