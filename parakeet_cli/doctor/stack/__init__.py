"""The requirements of each ML stack, read from the requirements files."""
