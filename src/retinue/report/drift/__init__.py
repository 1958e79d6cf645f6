"""What somebody changed in the account, as text and Markdown."""
