"""What is rendered instead of stored: the lock file, written by apply and read by applications."""
