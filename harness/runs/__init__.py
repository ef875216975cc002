"""One run: a device under test, a session with it, and what came of it."""
