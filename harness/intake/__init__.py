"""Intake: makes a user's repository, and turns their networks and data into model folders."""
