"""What is in an account, whether it answers, and what a migration made of it."""
