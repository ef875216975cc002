"""Intake: turns a user's network and data into a model folder."""
