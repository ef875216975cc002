"""Models that a user brings: a network and data from elsewhere become a model folder."""
