"""MLPerf Tiny: its serial protocol, its four benchmarks, and runs of them."""
