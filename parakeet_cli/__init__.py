"""Speech to text from the command line, on an ML stack that can repair itself."""

import os
import sys
from contextlib import suppress

# Where `ulimit -f` cuts a file, Python keeps the half of a compiled module that it could
# write, and every later start fails with it.
with suppress(ImportError):  # Windows has no limit; another PYTHONHOME is for __main__ to explain
    import resource

    if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        sys.dont_write_bytecode = True
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # of child processes

from parakeet_cli.system import telemetry

__version__ = "0.1.0"

telemetry.turn_off()  # here, because it must come before any import of a dependency
