"""Indexes Records in a database: the local index, or the store of a team."""
