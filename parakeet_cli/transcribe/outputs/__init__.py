"""Plans the outputs' paths, and writes each output whole or not at all."""
