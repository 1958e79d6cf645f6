"""Plans, and how two of them differ, as text, Markdown and HTML."""
