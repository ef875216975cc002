"""Known names for one that a user wrote. Capitals, hyphens and underscores do not matter."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_MOST = 3
_SIMILAR = 0.65  # as difflib compares them: a typing error, not another word
_LEAST_PART = 3  # characters of a name that is only a part of others


def suggest(name: str, known: Iterable[str]) -> str:
    """Return a remedy for the unknown `name`: similar names, or all known ones."""
    names = sorted(known)
    near = similar(name, names)
    if near:
        return did_you_mean(near)
    return "known: " + (", ".join(names) or "none")


def did_you_mean(near: Iterable[str]) -> str:
    """Return the question that names what is `near`."""
    return f"did you mean {' or '.join(near)}?"


def similar(name: str, known: Iterable[str]) -> list[str]:
    """Return up to three of the known names: first those that contain `name`, then similar ones."""
    by_letters = {_letters(each): each for each in sorted(known)}
    wanted = _letters(name)
    longer = [each for each in by_letters if len(wanted) >= _LEAST_PART and wanted in each]
    near = get_close_matches(wanted, by_letters, n=_MOST, cutoff=_SIMILAR)
    found = dict.fromkeys([*sorted(longer, key=len), *near])
    return [by_letters[each] for each in found][:_MOST]


def as_written(name: str, known: Iterable[str]) -> str:
    """Return the one known name that is `name` in other letters, such as capitals, or `name`."""
    same = {each for each in known if _letters(each) == _letters(name)}
    return name if name in same or len(same) != 1 else same.pop()


def _letters(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
