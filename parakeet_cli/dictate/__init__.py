"""A microphone to text where the cursor is: frames, utterances, text, sinks."""
