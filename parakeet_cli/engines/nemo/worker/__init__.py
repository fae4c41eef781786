"""The process that holds a NeMo model. It runs in the ML interpreter.

parakeet need not be installed there: these modules import the standard library, numpy, torch,
NeMo and each other, nothing else. They are started by path (`__main__.py`). `messages.py`,
which needs the standard library alone, is also used at the tool's end of the pipe.
"""
