"""The engine whisper: Whisper by faster-whisper."""
