"""Puts an environment back as it was before a repair, with the standard library alone."""
