"""The engine onnx: Parakeet by ONNX Runtime."""
