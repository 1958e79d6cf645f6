"""Saying it once: declarations made of defaults, templates and overlays, and many declarations made of one.

entry ─ layers below it, merged ─→ entry ─ overlay ─→ entry ─ matrix ─→ instances, each with the scope of its
expressions. Data and nodes are merged together, so that every value keeps the place it was written at.
"""
