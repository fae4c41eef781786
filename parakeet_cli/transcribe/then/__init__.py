"""Runs a command for each transcript: `--then`."""
