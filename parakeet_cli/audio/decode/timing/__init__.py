"""Follows the clocks of containers, each in its own way."""
