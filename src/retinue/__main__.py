"""`python -m retinue`."""

from retinue.cli import entry

if __name__ == "__main__":
    entry()
