"""Passwords and tokens, taken out of texts.

Other people read a process list, a log, a Record and the message of an error. None of them may
hold a secret that came with a URL, an option or the environment.
"""

import re

HIDDEN = "***"
"""What stands in the place of a secret."""

_USER = r"\b([a-z][a-z0-9+.-]*://[^\s:/@?#'\"]*:)"
_VALUE = r"""(?:'(?:\\.|[^'\\])*'?|"(?:\\.|[^"\\])*"?|[^\s&;,'")\]}]+)"""
_PASSWORDS = r"[\w-]*(?:password|passwd|passphrase|pwd)"
_TOKENS = r"[\w-]*(?:token|secret|api[_-]?key|access[_-]?key)"
_SECRETS = tuple(
    re.compile(f"(?i){pattern}")
    for pattern in (
        # scheme://user:password@host. The last @ of a word ends a password that itself has an @.
        rf"{_USER}\S*(?=@)",
        # The same with blanks in the password. A number can also be a port.
        rf"{_USER}(?!\d+(?:[/?,;)\s]|$))[^\n@]*(?=@)",
        # A user without a password is a token where web servers and git take one.
        r"\b(https?://)[^\s:/@?#'\"]+(?=@)",
        # password=… in a query, in libpq's keywords and values, as an option or a variable.
        rf"(\b{_PASSWORDS}\s*=\s*){_VALUE}",
        rf"(--{_PASSWORDS}\s+){_VALUE}",
        rf"((?:[?&;]|--){_TOKENS}=){_VALUE}",
        rf"(\b(?-i:[A-Z0-9_]*(?:TOKEN|SECRET|API_?KEY|ACCESS_?KEY)=)){_VALUE}",
        # "password": "…" in JSON and in the text of a dict.
        rf"""(['"](?:{_PASSWORDS}|{_TOKENS})['"]\s*:\s*)(?:'[^']*'?|"[^"]*"?)""",
        r"""(\bauthorization['"]?\s*[:=]\s*['"]?(?:basic|bearer|token)\s+)[^\s'"]+""",
        # Tokens of GitHub and GitLab, wherever they stand.
        r"()\b(?:gh[opsur]_|github_pat_|glpat-)[\w-]{16,}",
    )
)


def without_secrets(text: str) -> str:
    """Return `text` with `***` in the place of each password and token."""
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


class Secret(str):
    """A text that may hold a secret, such as a URL; `repr` and tracebacks do not show it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(without_secrets(str(self)))
