"""The command line: a folder or module for each command, which parses, calls and shows."""
