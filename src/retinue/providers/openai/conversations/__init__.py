"""Talking to what was applied: a conversation over each API that answers, one module each."""
