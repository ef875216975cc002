"""The health check of a board, on this desk or at a place of a farm."""
