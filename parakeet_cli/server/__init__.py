"""Serves one loaded engine: OpenAI's HTTP API, live speech by WebSocket, and Wyoming."""
