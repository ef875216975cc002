"""The farm: real coordinator, real exporters, simulated boards."""
