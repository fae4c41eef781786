"""Transcript to text: one file a format, one table.

Each format is a `Format`: a suffix, a line of help and a function from a
`Transcript` and a `Shape` to text. Adding one is a file here and a row in FORMATS.
"""
