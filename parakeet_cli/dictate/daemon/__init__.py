"""One warm dictation behind a socket, and the clients that control it."""
