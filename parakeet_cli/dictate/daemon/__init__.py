"""The daemon: one process that keeps dictation ready behind a socket, and its clients."""
