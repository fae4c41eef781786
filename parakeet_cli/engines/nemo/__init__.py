"""Parakeet by NVIDIA NeMo, in a worker process of the ML interpreter."""
