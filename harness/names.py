"""Names in messages: near ones of one that is not known, and such as no terminal obeys."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(name: str, known: Iterable[str]) -> str:
    """Return what to do about the unknown `name`: the near names, or all of them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(near) + "?"
    return "known: " + (", ".join(names) or "none")


def plain(text: str) -> str:
    """Return `text` in a line, without the characters that move or colour what is around them."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )
