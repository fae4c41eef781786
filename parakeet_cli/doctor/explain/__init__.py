"""Findings for people: as text, as a report, by package, by error message."""
