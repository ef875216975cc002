"""Framed, checked bytes between the host and the firmware. docs/link.md is the protocol."""
