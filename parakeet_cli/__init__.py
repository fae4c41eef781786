"""Speech to text from the command line, on an ML stack that can mend itself."""

__version__ = "0.1.0"
