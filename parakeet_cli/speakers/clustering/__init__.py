"""Counts the speakers by the embeddings of their voices, and finds the centre of each one's."""
