"""`parakeet dictate`: its options, its verbs, and what they show."""
