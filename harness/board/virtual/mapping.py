"""Device windows in the emulator's address space."""

from collections.abc import Callable

from harness.board.virtual.emulator import Emulator
from harness.board.virtual.memory import Window


class Access:
    """What surrounds every access to a device: `before` and `after` it, and `failed` if it raises.

    An exception must not cross the emulator, so it is kept and raised when the run has ended.
    """

    def __init__(
        self,
        before: Callable[[], None],
        after: Callable[[], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self.before = before
        self.after = after
        self.failed = failed


def map_window(emulator: Emulator, window: Window, access: Access) -> None:
    """Map `window`; each of its exact pages by itself, and without permissions."""
    start = window.base
    for page in sorted(window.exact):
        _map(emulator, window, start, page - start, access)
        _map(emulator, window, page, Window.PAGE, access)
        emulator.forbid(page, Window.PAGE)
        start = page + Window.PAGE
    _map(emulator, window, start, window.base + window.size - start, access)


def _map(emulator: Emulator, window: Window, base: int, size: int, access: Access) -> None:
    if size <= 0:
        return
    before, after, failed = access.before, access.after, access.failed

    def read(_uc: int, offset: int, width: int, _data: int) -> int:
        before()
        try:
            return window.read(base + offset, width)
        except Exception as error:  # kept: see Access
            failed(error)
            return 0
        finally:
            after()

    def write(_uc: int, offset: int, width: int, value: int, _data: int) -> None:
        before()
        try:
            window.write(base + offset, width, value)
        except Exception as error:  # kept: see Access
            failed(error)
        finally:
            after()

    emulator.map_devices(base, size, read, write)
