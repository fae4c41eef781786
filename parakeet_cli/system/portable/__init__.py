"""Does what differs from system to system: reading a pipe in time, naming a file."""
