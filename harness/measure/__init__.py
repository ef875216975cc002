"""Numbers from what a device answered."""
