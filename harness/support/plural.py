"""A number with its noun: `1 vector`, `2 vectors`, `1,200 vectors`."""


def count_of(number: int, noun: str) -> str:
    """Return `number` with thousands separated, and `noun`, in the plural unless it is 1."""
    return f"{number:,} {noun if number == 1 else plural_of(noun)}"


def plural_of(noun: str) -> str:
    """Return the plural of an English noun with a regular one, and of `axis`."""
    if noun.endswith("is"):
        return noun.removesuffix("is") + "es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun.removesuffix("y") + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")
