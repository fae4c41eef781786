"""What the microphone recorded, on disk, and what became of it."""
