"""The engine of a firmware that the harness did not build; this module is light.

What only shows results imports it.
"""

PREBUILT = "elf"
"""The name of the engine in a Record of prebuilt firmware."""
