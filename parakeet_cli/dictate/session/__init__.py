"""One dictation: from the microphone's frames to utterances to text in the sinks."""
