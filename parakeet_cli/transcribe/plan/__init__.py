"""Decides which recordings of a batch are transcribed, and in which order."""
