"""A batch from plan to end: its order, its journal, its statistics."""
