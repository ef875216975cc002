"""What arm64 desks run, on a machine with another processor: `make test-arm64`."""
