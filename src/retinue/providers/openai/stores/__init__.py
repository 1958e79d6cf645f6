"""How an OpenAI-style account keeps objects: the requests of each shape, one module each.

What a shape answers before anything is sent is in `kinds/stores.py`.
"""
