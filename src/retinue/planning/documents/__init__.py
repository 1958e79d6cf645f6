"""Plans, drift and differences as JSON documents, which the reports render and other programs read."""
