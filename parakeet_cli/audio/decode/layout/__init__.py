"""Reads from a file's header where its sound lies, and where the recording ends."""
