"""Retinue keeps the assistants of an OpenAI-style account as code. Start reading in `workflow.py`."""

__version__ = "0.1.0"
