"""Where there is speech, and where to cut it."""
