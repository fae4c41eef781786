"""What the microphone recorded, on disk, and the journal of which text was delivered."""
