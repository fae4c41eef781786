"""Speech to text from the command line, on an ML stack that can repair itself."""

from parakeet_cli.system import telemetry

__version__ = "0.1.0"

telemetry.turn_off()  # here, because it must come before any import of a dependency
