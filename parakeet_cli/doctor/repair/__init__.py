"""Plans a repair, carries it out, verifies it, and takes it back if it failed."""
