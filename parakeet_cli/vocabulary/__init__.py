"""Words to expect: names and terms, how they are written, and how they are spelled afterwards."""
