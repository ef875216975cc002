"""Framed, checked bytes between the host and the firmware; docs/link.md has the protocol."""
