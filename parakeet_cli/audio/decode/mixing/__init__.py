"""Joins channels to one, at the level that they must have been recorded at."""
