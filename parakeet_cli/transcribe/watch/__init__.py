"""Transcribes what arrives in a folder: which files are whole, what was done, what runs then."""
