"""Media files to blocks of 16 kHz mono float32; speech detection; chunks."""
