"""Accesses to memory; those through a remote probe take one round trip, whatever their length."""

import struct
from collections.abc import Callable, Sequence
from typing import Any

from pyocd.core import exceptions
from pyocd.core.session import Session
from pyocd.coresight.ap import CSW_SIZE32, MEM_AP_CSW, MEM_AP_DRW, MEM_AP_TAR

from harness.board.pyocd.pyocd_errors import is_remote

_WORD = 4

_Words = Callable[[], Sequence[int]]
"""Waits for words that were requested, and returns them."""


def read_memory(session: Session, address: int, size: int) -> bytes:
    """Return `size` bytes at `address`."""
    return transfer(session, (), [range(address, address + size)])[0]


def transfer(
    session: Session,
    pieces: Sequence[tuple[int, bytes]],
    ranges: Sequence[range],
    *,
    wait: bool = False,
) -> list[bytes]:
    """Write `pieces`, addresses and bytes, in their order; then return what is in `ranges`.

    Without `ranges` and `wait`, a remote probe may still write when this returns. What it does
    next comes after that, and says if it failed.
    """
    for address, data in pieces:
        session.target.write_memory_block8(address, data)
    if not is_remote(session.probe.unique_id):
        if pieces:
            session.target.flush()  # a probe may buffer writes, and RUN takes the serial line
        return [_bytes(each, session.target.read_memory_block32(*_words(each))) for each in ranges]
    if wait:
        session.target.flush()
    elif not ranges:
        session.probe.send()
    requested = [_requested(session, *_words(each)) for each in ranges]
    return [_bytes(each, words()) for each, words in zip(ranges, requested, strict=True)]


def _words(addresses: range) -> tuple[int, int]:
    """Return the address and the number of whole words: pyOCD reads odd bytes one by one."""
    begin = addresses.start % _WORD
    return addresses.start - begin, -(-(begin + len(addresses)) // _WORD)


def _bytes(addresses: range, words: Sequence[int]) -> bytes:
    """Return the bytes at `addresses` in the `words` that were read for them."""
    begin = addresses.start % _WORD
    _, count = _words(addresses)
    try:
        return struct.pack(f"<{count}I", *words)[begin : begin + len(addresses)]
    except (struct.error, TypeError) as error:
        raise exceptions.ProbeError(f"the probe's answer is not {count} words") from error


def _requested(session: Session, address: int, count: int) -> _Words:
    """Request words from a remote probe."""
    port = session.target.selected_core_or_raise.ap
    memory = port._accelerated_memory_interface
    if memory is not None:
        words: _Words = memory.request_block32(address, count)
        return words
    return _requested_pages(port, address, count)


def _requested_pages(port: Any, address: int, count: int) -> _Words:
    """Read as pyOCD's `MEM_AP` does, but wait for no page before the last one is requested."""
    pages = []
    while count:
        size = port.auto_increment_page_size
        words = min(count, (size - address % size) // _WORD)
        port.write_reg(port._reg_offset + MEM_AP_CSW, port._csw | CSW_SIZE32)
        port.write_reg(port._reg_offset + MEM_AP_TAR, address)
        data = port.address.address + port._reg_offset + MEM_AP_DRW
        pages.append(port.dp.read_ap_multiple(data, words, now=False))
        address += words * _WORD
        count -= words
    return lambda: [word for page in pages for word in page()]
