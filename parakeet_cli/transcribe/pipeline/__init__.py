"""Turns jobs into chunks, runs the chunks through the engine, and writes the transcripts."""
