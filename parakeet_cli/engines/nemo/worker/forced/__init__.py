"""Finds the words of a given text by the model's own probabilities, where it recognised others.

The words that were recognised show which part of the text a chunk has. Between two words that the
text has as well, those of the text are aligned with the frames, and replace what was recognised
there if their probability is near that of what the model finds best.
"""
