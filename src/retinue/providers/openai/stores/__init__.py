"""How an OpenAI-style account keeps objects: one module for each shape."""
