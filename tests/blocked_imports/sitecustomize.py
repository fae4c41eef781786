"""Makes the packages of the engines unimportable: put this folder on PYTHONPATH.

As sitecustomize it holds in every process that a test starts, not only in the tests' own.
An entry of None in sys.modules is what Python itself keeps for "there is none": import
raises ModuleNotFoundError, find_spec returns None.
"""

import sys

BLOCKED = ("faster_whisper", "ctranslate2", "onnxruntime", "torch", "nemo")

sys.modules.update(dict.fromkeys(BLOCKED))  # type: ignore[arg-type]  # None is the point
