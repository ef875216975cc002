"""The places in the report that links lead to. They stay the same from report to report."""

import hashlib
import re

from harness.results.combination import Combination

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 120  # characters


def anchor(kind: str, text: str) -> str:
    """Return the `id` of the element of this `kind`: `model-digits`.

    A text that does not fit into a link is shortened, and has a part of its SHA-256, so that two
    texts never share an anchor.
    """
    fitting = _UNSAFE.sub("-", text)[:_LONGEST]
    if fitting != text:
        fitting += f"-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:8]}"
    return f"{kind}-{fitting}"


def combination_anchor(combination: Combination) -> str:
    """Return the `id` of a combination's section."""
    target, model, engine, toolchain, optimize = combination
    built = f"{engine}-{toolchain}{optimize}".replace("/", "-")
    text = f"{model}-on-{target}-{built}"
    is_unique = not _UNSAFE.search("".join(combination[:3]))
    return anchor("combination", text if is_unique else repr(tuple(combination)))
