"""Reads what is installed in an environment: its distributions, their files, conda's packages."""
