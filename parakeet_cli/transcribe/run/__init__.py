"""Runs a batch: what to do and in which order, the journal it resumes from, and its results."""
