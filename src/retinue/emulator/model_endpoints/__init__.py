"""Models that other programs run, behind endpoints that speak as OpenAI's do: requests, answers, and what goes wrong.

Nothing here knows what is asked of a model.
"""
