"""Turns what was named on the command line into jobs."""
