"""Speech to text from the command line, on an ML stack that can repair itself."""

__version__ = "0.1.0"
