"""What each ML stack requires, read from the requirements files."""
