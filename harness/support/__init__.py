"""What every room may use: files, names, places on disk, progress, processes, leases."""
