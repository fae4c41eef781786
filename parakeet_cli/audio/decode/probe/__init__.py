"""Reads the durations that files declare in their headers, without libav: for plans."""
