"""Many records, indexed in a database: the local index, or a store that a team shares."""
