"""Defines `parakeet serve`, and how commands become services."""
