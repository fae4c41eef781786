"""Chooses one of a file's audio streams, and its decoder."""
