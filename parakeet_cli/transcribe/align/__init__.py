"""Puts a given text on a recording's clock, by the words that were recognised in it."""
