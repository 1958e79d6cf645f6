"""What answers: the protocol of a language model, and the rehearsal model that stands in where none is configured.

Nothing here knows of requests, storage or the rest of the local account, so that a model can be tried on its own.
"""
