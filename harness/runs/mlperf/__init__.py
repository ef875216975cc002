"""MLPerf Tiny: its serial protocol, its five benchmarks, and runs of them."""
