"""Live speech by WebSocket, in the events of OpenAI's realtime transcription."""
