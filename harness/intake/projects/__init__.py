"""A user's firmware project: its build system, and the lines that add the link to it."""
