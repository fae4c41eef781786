"""Shares one loaded engine between many clients, in this process and in others of the user."""
