"""One dictation: from frames to utterances to text in the sinks."""
