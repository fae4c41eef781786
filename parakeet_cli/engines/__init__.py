"""Speech to text, behind one protocol and one table; the only home of the models."""
