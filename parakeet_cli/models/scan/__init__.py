"""Checks whether a model file could run code, before anything loads it."""
