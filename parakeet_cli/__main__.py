"""Runs the command line, for `parakeet` and `python -m parakeet_cli`."""

from __future__ import annotations

import gc
import os
import sys

# As in errors.ExitCode, which may not be imported yet at Ctrl-C.
FAILED, HUNG_UP, INTERRUPTED, TERMINATED = 1, 129, 130, 143


def main() -> None:
    """Run the command line and end the process with its exit code."""
    # Imports and --help leave little garbage, and collecting it takes 5 % of --help's time.
    # A command that runs switches the collector on again (cli/app.py).
    gc.disable()
    try:
        code = _run()
    except BrokenPipeError:
        # The reader of stdout has ended, as in `parakeet ... | head`. Python would complain
        # once more when it flushes stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = FAILED
    except KeyboardInterrupt:  # before the command could handle it
        code = INTERRUPTED
    except ImportError as error:
        code = _explain_or_raise(error)
    code = _flush_stdout(code)
    if code in (HUNG_UP, INTERRUPTED, TERMINATED):
        # Chunks in progress would delay the exit for seconds, and nothing needs them.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _flush_stdout(code: int) -> int:
    """The exit code after the last of stdout was written.

    What a full disk refused is still in the buffer. Python would try it once more at exit, and
    end with 120.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if code == 0:  # nothing was said of it yet
            sys.stderr.write(f"Error: stdout can't be written: {error.strerror}.\n")
        return code or FAILED
    return code


def _other_home() -> str:
    """The PYTHONHOME that this Python follows: it may have another Python's modules."""
    return "" if sys.flags.ignore_environment else os.environ.get("PYTHONHOME", "")


def _explain_or_raise(error: ImportError) -> int:
    home = _other_home()
    if not home:
        raise error
    from parakeet_cli.system.safety.printable import one_line

    shown = f"PYTHONHOME={home} makes Python take its modules from there: {error}. "
    sys.stderr.write(f"Error: {one_line(shown)}Type: unset PYTHONHOME\n")
    return FAILED


def _run() -> int:
    from parakeet_cli.doctor.repair.rollback import registry

    # Before anything else is imported, because that may be half replaced.
    if next(registry.registered(), None) is not None:
        from parakeet_cli.doctor.repair.rollback import startup

        startup.finish_interrupted_repairs(sys.argv[1:])
    if sys.argv[1:2] == ["dictate"]:
        from parakeet_cli.cli.dictate.quick import run_quickly

        if (code := run_quickly(sys.argv[1:])) is not None:
            return code
    from parakeet_cli.cli import ctrl_c
    from parakeet_cli.console import prepare_streams

    ctrl_c.watch()
    prepare_streams()
    try:
        from parakeet_cli.cli.app import app
    except ImportError:
        if ctrl_c.was_pressed():
            return INTERRUPTED
        if _other_home():
            raise  # the environment itself may be whole
        from parakeet_cli.doctor.repair.rollback import startup

        if not startup.asks_rollback(sys.argv[1:]):
            raise
        return startup.run_rollback(sys.argv[1:])
    return int(app(standalone_mode=False, prog_name="parakeet"))


if __name__ == "__main__":
    main()
