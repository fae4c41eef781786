"""Records and decodes audio to 16 kHz mono samples, and finds the speech in it."""
