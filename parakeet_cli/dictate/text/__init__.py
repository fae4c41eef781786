"""Spoken commands, the user's vocabulary, spaces and capitals."""
