"""The session of this process: the value of the key `session` of its Records."""

import os
import secrets

_SESSION = secrets.token_hex(8)
_XDIST_SESSION = "PYTEST_XDIST_TESTRUNUID"  # pytest-xdist sets it, the same in all its workers


def current_session() -> str:
    """Return what all Records of this command, or of this pytest session, have as `session`."""
    return os.environ.get(_XDIST_SESSION) or _SESSION
