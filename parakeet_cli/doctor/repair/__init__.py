"""Repairs an environment in the documented order, proves it, or restores it."""
