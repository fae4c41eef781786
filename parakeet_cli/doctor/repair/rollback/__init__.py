"""Puts an environment back as it was, with the standard library alone."""
