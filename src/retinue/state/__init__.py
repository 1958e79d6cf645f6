"""What a project keeps in `.retinue` between runs. Advisory: it may be deleted at any time."""
