"""The console script, and `python -m retinue`."""

import os
import sys

_INTERRUPTED = 130  # errors.Interrupted, which may not be imported yet


def entry() -> None:
    """Ctrl-C while the program is still being read is told as any other."""
    try:
        from retinue.cli import entry as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.stderr.flush()
        os._exit(_INTERRUPTED)


if __name__ == "__main__":
    entry()
