"""Lets uv decide the versions of a plan, from where pip would take them, and install its wheels."""
