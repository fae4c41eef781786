"""Chooses one of a file's streams, its decoder, and the way to follow its clock."""
