"""Words to expect: a tree of them over a model's tokens, and decoders that prefer them.

The tree and the choice need the standard library and NumPy alone, and are also used by the
engine `onnx`, at the tool's end of the pipe.
"""
