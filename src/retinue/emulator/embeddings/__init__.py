"""Texts as vectors, so that what means the same is found: the protocol, and what gives them."""
