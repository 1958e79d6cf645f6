"""Assistants from elsewhere → declarations for another home, and what becomes of every field.

Pure: no files, no network.

reading    JSON data or a prompt → [Original], in the shape of the Assistants API v2
tables     what each home makes of each field: carried, changed or lost, with the nearest alternative
mapping    one Original → a declaration and its notes
sharing    functions that several assistants have → `functions:`
making     everything together: [Original] → Migration
"""
