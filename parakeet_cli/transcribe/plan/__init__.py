"""Plans a batch: which recordings there are, what is done with each, and in which order."""
