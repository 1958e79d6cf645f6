"""What every output is made of: lines with roles, values and their changes, hunks, pieces of Markdown."""
