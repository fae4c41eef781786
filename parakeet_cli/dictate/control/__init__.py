"""One warm dictation behind a socket that only its owner can use."""
