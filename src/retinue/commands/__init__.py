"""What there is to do beside plan, apply and destroy: one module for each command."""
