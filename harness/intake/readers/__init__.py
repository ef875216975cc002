"""Readers of users' data: one module for each kind of file, and none of them trusts its file."""
