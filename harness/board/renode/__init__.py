"""Boards that Renode emulates."""
