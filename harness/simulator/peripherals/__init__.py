"""The chips' peripherals, one module for each kind."""
