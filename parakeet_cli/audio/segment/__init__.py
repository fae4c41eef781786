"""Finds speech in audio, and the places to cut it into chunks and utterances."""
