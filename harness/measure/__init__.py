"""Numbers from a device's answers: quality, latency, cycles and energy."""
