"""Files to transcripts: inputs, jobs, chunks, engine, outputs."""
