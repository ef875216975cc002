"""Device windows in the emulator's address space."""

from collections.abc import Callable
from dataclasses import dataclass

from harness.simulator.bus import AliasRegion, BusError, Window
from harness.simulator.emulator import Emulator


@dataclass(frozen=True)
class Access:
    """The callbacks around each access to a device; millions of accesses occur per minute.

    `leave` is called after an access to an exact page. An exception must not cross the emulator:
    `failed` keeps it until the run ends.
    """

    leave: Callable[[], None]
    failed: Callable[[BaseException], None]


def map_window(emulator: Emulator, window: Window, access: Access) -> None:
    """Map `window`; map the ranges of its exact pages separately and without permissions."""
    start = window.base
    while start < window.base + window.size:
        exact, end = start in window.exact, start
        while end < window.base + window.size and (end in window.exact) == exact:
            end += Window.PAGE
        (_map_exact if exact else _map)(emulator, window, start, end - start, access)
        start = end


def map_alias(emulator: Emulator, alias: AliasRegion, access: Access) -> None:
    """Map `alias` without permissions: its targets may be exact, and the bus may refuse."""
    _map_exact(emulator, alias, alias.base, alias.size, access)


def _map_exact(
    emulator: Emulator, window: Window | AliasRegion, base: int, size: int, access: Access
) -> None:
    _map(emulator, window, base, size, access, exact=True)
    emulator.forbid(base, size)


def _map(
    emulator: Emulator,
    window: Window | AliasRegion,
    base: int,
    size: int,
    access: Access,
    *,
    exact: bool = False,
) -> None:
    if size <= 0:
        return
    leave, failed = access.leave, access.failed

    def read(_uc: int, offset: int, width: int, _data: int) -> int:
        try:
            return window.read(base + offset, width)
        except BusError:  # an empty place in a page without exact devices: see Window
            return 0
        except Exception as error:  # kept: see Access
            failed(error)
            return 0
        finally:
            if exact:
                leave()

    def write(_uc: int, offset: int, width: int, value: int, _data: int) -> None:
        try:
            window.write(base + offset, width, value)
        except BusError:  # as above
            pass
        except Exception as error:  # kept: see Access
            failed(error)
        finally:
            if exact:
                leave()

    emulator.map_devices(base, size, read, write)
