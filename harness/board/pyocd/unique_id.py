"""The unique ID of a chip: which of several equal boards this is."""

from pyocd.core import exceptions
from pyocd.core.session import Session

_CPUID = 0xE000ED00
_WORD = 4
_BLANK = ({0}, {0xFFFF_FFFF})  # the maker has not programmed the number


def unique_id(session: Session, words: tuple[int, ...]) -> str:
    """Return the ID at the addresses `words` as hexadecimal digits; empty if the chip has none."""
    if not words:
        return ""
    try:
        values = _read(session, words)
    except exceptions.TransferError:
        session.target.read32(_CPUID)  # if this fails, too, the chip does not answer any more
        return ""
    return "" if set(values) in _BLANK else "".join(f"{value:08x}" for value in values)


def _read(session: Session, words: tuple[int, ...]) -> list[int]:
    """Return the words, in one access if they are neighbours."""
    first = words[0]
    if words == tuple(range(first, first + _WORD * len(words), _WORD)):
        return list(session.target.read_memory_block32(first, len(words)))
    return [session.target.read32(address) for address in words]
