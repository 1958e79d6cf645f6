"""The pure part: what files declare and what an account has → a plan. No network, clock, environment or files."""
