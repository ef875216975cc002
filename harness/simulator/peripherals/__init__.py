"""The chips' peripherals, a module for each family of them."""
