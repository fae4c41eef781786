"""`parakeet transcribe`: its options, and what it shows."""
