"""The process that holds a NeMo model. It runs in the ML interpreter.

That interpreter need not have parakeet: these modules import the standard library, numpy,
torch, NeMo and each other, nothing else. They are started by path (`__main__.py`), and
`messages.py`, which needs the standard library alone, is also the tool's end of the pipe.
"""
