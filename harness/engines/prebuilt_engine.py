"""The name of the engine of a firmware that the harness did not build."""

PREBUILT = "elf"
