"""Reads the facts about an interpreter and its machine, and judges nothing."""
