"""Records a microphone as 16 kHz mono samples."""
