"""MLPerf Tiny: its serial protocol, its four benchmarks, and the folder a submission is."""
