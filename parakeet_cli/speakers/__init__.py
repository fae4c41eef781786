"""Says who spoke."""
