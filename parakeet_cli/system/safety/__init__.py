"""Keeps names, passwords and folders of others from doing harm: the standard library alone."""
