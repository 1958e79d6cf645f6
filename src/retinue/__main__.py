"""The console script, and `python -m retinue`."""

import gc as collector
import os
import sys

_INTERRUPTED = 130  # errors.Interrupted, which may not be imported yet


def entry() -> None:
    """Ctrl-C while the program is still being read is told as any other."""
    # What is read stays to the end: with a lot of it, looking through all of it for what could be let go of would take
    # longer than the work itself.
    collector.set_threshold(300_000, 20, 50)
    try:
        from retinue.cli import entry as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.stderr.flush()
        os._exit(_INTERRUPTED)


if __name__ == "__main__":
    entry()
