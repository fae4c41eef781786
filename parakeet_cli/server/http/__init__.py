"""OpenAI's HTTP API: guarded, with uploads on the disk and errors that say why."""
