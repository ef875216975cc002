"""Memory that the processor may execute, on systems that never allow both writing and executing."""

import ctypes
import mmap
import os
import sys

from harness.errors import InfrastructureError


def executable(code: bytes) -> ctypes.Array[ctypes.c_char]:
    """Return executable memory that contains `code`.

    The memory is first writable and then executable. A process on macOS may do so without the
    entitlements of a just-in-time compiler, unless it has the hardened runtime.
    """
    try:
        memory = mmap.mmap(
            -1,
            -(-len(code) // mmap.PAGESIZE) * mmap.PAGESIZE,
            flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
            prot=mmap.PROT_READ | mmap.PROT_WRITE,
        )
    except OSError as error:
        raise _refused(error.strerror) from error
    memory.write(code)
    view = (ctypes.c_char * len(memory)).from_buffer(memory)
    _protect(view)
    return view


def _protect(memory: ctypes.Array[ctypes.c_char]) -> None:
    """Make whole pages of memory executable, and the instruction caches coherent with them.

    The instruction cache of arm64 does not see what is written. Linux makes it coherent when a
    page becomes executable. On x86-64, the caches are always coherent.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    start, size = ctypes.c_void_p(ctypes.addressof(memory)), ctypes.c_size_t(len(memory))
    if sys.platform == "darwin":
        libc.sys_icache_invalidate(start, size)
    if libc.mprotect(start, size, mmap.PROT_READ | mmap.PROT_EXEC):
        raise _refused(os.strerror(ctypes.get_errno()))


def _refused(why: str | None) -> InfrastructureError:
    return InfrastructureError(
        f"the operating system refuses executable memory: {why}",
        where="virtual board",
        remedy="allow executable memory in the security policy; the emulator needs it, too",
    )
