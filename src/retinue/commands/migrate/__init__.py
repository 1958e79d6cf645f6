"""Assistants from elsewhere → declarations for another home, and what becomes of every field.

migration  the command: what is written of them, and the report
sources    declarations, an account, dumps or prompts → [Original], in the shape of the Assistants API v2
rules      what each home makes of each field: carried, changed or lost, with the nearest alternative
mapping    [Original] → Migration: declarations, the functions that they share, and their notes. Pure
"""
