"""One turn of a language model with its tools: what threads and responses have in common.

A turn does not know who asked. It gives events, which the caller shows and stores in the form of its own API.
"""
