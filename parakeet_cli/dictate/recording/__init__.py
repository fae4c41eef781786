"""The recording of a dictation on disk, and the journal of which text was delivered."""
