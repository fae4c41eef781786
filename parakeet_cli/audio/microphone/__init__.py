"""From a microphone to 16 kHz mono samples."""
