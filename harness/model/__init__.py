"""A model: its folder, vectors, network and metric."""
