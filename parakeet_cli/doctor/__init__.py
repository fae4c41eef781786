"""Finds what is broken in the ML stack, without importing what is broken."""
