"""The command `parakeet doctor`: its options, its verbs, and what they print."""
