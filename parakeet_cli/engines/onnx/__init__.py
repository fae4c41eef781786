"""Parakeet by ONNX Runtime."""
