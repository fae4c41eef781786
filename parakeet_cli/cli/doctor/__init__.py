"""`parakeet doctor`: its options, its verbs, and what they show."""
