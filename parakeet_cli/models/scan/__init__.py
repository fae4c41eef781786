"""Could this model file run code? Read before anything loads it."""
