"""The code that reads and writes accounts: one folder for each sort. Only here is a request known."""
