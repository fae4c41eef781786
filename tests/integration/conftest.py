"""Ctrl-C as people have it, for every integration test."""

import signal

# A shell starts what it puts into the background with Ctrl-C ignored, and whatever that
# starts inherits it: the commands under test, too, would never be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
