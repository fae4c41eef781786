"""Explains findings to people: as text, as a report, by package, by error message."""
