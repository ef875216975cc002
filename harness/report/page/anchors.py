"""The places in the report that links lead to. They stay the same from report to report."""

import hashlib
import re

from harness.results.combination import Combination

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")
_ON = "-on-"
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
    text = f"{model}{_ON}{target}-{engine}-{toolchain}{optimize}"
    # The parts could be joined to the same text in another way.
    return anchor("combination", text if text.count(_ON) == 1 else repr(tuple(combination)))
