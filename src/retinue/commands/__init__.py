"""What the command line can do beside plan and apply, and what all of it shares: sessions, guards, approvals."""
