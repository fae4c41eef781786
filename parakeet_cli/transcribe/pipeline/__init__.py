"""Jobs to chunks, chunks through the engine, results to transcripts."""
