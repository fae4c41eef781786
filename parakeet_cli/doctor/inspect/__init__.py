"""Readers of an interpreter and its machine. They judge nothing."""
