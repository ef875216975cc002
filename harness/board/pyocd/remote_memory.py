"""Reads long blocks of memory through a remote probe in one round trip, whatever their length."""

import struct
from typing import Any

from pyocd.core.session import Session
from pyocd.coresight.ap import CSW_SIZE32, MEM_AP_CSW, MEM_AP_DRW, MEM_AP_TAR

from harness.board.pyocd.pyocd_errors import is_remote

_WORD = 4


def read_memory(session: Session, address: int, size: int) -> bytes:
    """Return `size` bytes at `address`, in whole words: pyOCD reads odd bytes one by one."""
    begin = address % _WORD
    count = -(-(begin + size) // _WORD)
    port = _port(session)
    words = (
        session.target.read_memory_block32(address - begin, count)
        if port is None
        else _read_pages(port, address - begin, count)
    )
    return struct.pack(f"<{len(words)}I", *words)[begin : begin + size]


def _port(session: Session) -> Any:
    """Return the access port to memory if pyOCD would wait for each kilobyte that it reads."""
    if not is_remote(session.probe.unique_id):
        return None
    port = session.target.selected_core_or_raise.ap
    return port if port._accelerated_memory_interface is None else None


def _read_pages(port: Any, address: int, count: int) -> list[int]:
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
    return [word for page in pages for word in page()]
