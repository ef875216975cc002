"""A chip with an open debug session; every operation on it has a deadline."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from pyocd.core.session import Session

from harness.board.active_fault import HandlerWatch
from harness.board.board import Diagnosis
from harness.board.pyocd.core_state import core_diagnosis, core_error
from harness.board.pyocd.flash_progress import FlashProgress
from harness.board.pyocd.probe_lease import interference_named
from harness.board.pyocd.probes import close_session, open_session
from harness.board.pyocd.programming import Sectors, flash
from harness.board.pyocd.pyocd_errors import CONNECTING, translated_errors
from harness.board.pyocd.remote_memory import transfer
from harness.board.pyocd.starting import start
from harness.board.pyocd.time_limit import TimeLimit, cut_of
from harness.board.pyocd.told_identity import ToldIdentity, told_identity
from harness.elf import Elf
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.link.rtt_carrier import Piece
from harness.support.progress import Progress
from harness.target.target_file import Pyocd, Target

T = TypeVar("T")

# Seconds after which an operation has failed, and for each byte that it transfers.
_CONNECT_LIMIT, _STATE_LIMIT, _CLOSE_LIMIT = 60.0, 30.0, 30.0
_FLASH_LIMIT, _FLASH_BYTE = 120.0, 1 / 1000
_MEMORY_LIMIT, _MEMORY_BYTE = 15.0, 1 / 5000


class OpenChip:
    """The chip of `target` behind `probe`, which pyOCD has opened; `board` describes both.

    Each operation raises `InfrastructureError` if it fails or is late.
    """

    def __init__(
        self, probe: Any, target: Target, board: Pyocd, warn: Callable[[str], None]
    ) -> None:
        self._probe: str = probe.unique_id
        self._target = target
        self._board = board
        self._limit = TimeLimit(f"probe {self._probe}", cut_of(probe))
        self._session: Session = self._limit.run(
            _CONNECT_LIMIT,
            CONNECTING,
            lambda: open_session(probe, board.target, board.frequency, pack=board.pack, warn=warn),
        )

    def identify(self) -> ToldIdentity:
        """Check that it is the chip of the target, and not locked; return what it tells."""
        return self._do(
            _STATE_LIMIT,
            "reading the chip's id",
            lambda: told_identity(self._session, self._probe, self._target, self._board),
        )

    def close(self) -> None:
        """End the session; the chip keeps its state."""
        with suppress(InfrastructureError):  # it does not answer, which was said before
            self._limit.run(_CLOSE_LIMIT, "closing", lambda: close_session(self._session))

    def flash(self, elf: Elf, sectors: Sectors, progress: Progress) -> None:
        """Program the `sectors` of `elf` and verify all of them."""
        chip = self._board.target
        seconds = _FLASH_LIMIT + _FLASH_BYTE * _loaded_size(elf)
        with progress.step(f"flashing {self._target.name}", 200, "%") as step:
            shown = FlashProgress(step)
            self._do(
                seconds,
                "programming flash",
                lambda: flash(self._session, self._probe, chip, elf, shown, sectors=sectors),
            )

    def boot(self, image: Image, *, simulated: bool, cleared: range | None = None) -> None:
        """Start `image`, in flash or to be written to RAM; clear the addresses `cleared` before."""
        in_ram = self._target.load == "ram"
        self._do(
            _STATE_LIMIT + in_ram * 2 * _loaded_size(image.elf) * _MEMORY_BYTE,
            "starting the firmware",
            lambda: start(
                self._session,
                self._probe,
                self._target,
                image.elf,
                stack=image.stack,
                cleared=cleared,
                simulated=simulated,
            ),
        )

    def transfer(
        self, pieces: Sequence[Piece], ranges: Sequence[range], *, wait: bool = False
    ) -> list[bytes]:
        """Write `pieces` to RAM and return what is in `ranges`; the core may run.

        If it is to `wait`, the bytes are in RAM when this returns.
        """
        size = sum(len(data) for _, data in pieces) + sum(map(len, ranges))
        return self._do(
            _MEMORY_LIMIT + size * _MEMORY_BYTE,
            "writing memory" if pieces else "reading memory",
            lambda: transfer(self._session, pieces, ranges, wait=wait),
        )

    def error(self, elf: Elf, handler: HandlerWatch, unanswered: int) -> InfrastructureError | None:
        """Return why the core does not run `elf`, as `core_error` does; None if it runs."""
        return self._do(
            _STATE_LIMIT,
            "reading the core's state",
            lambda: core_error(self._session, self._target, elf, handler, unanswered),
        )

    def diagnosis(self, elf: Elf) -> Diagnosis:
        """Return where in `elf` the core was; this halts it."""
        return self._do(
            _STATE_LIMIT,
            "reading the core's state",
            lambda: core_diagnosis(self._session, self._target, elf),
        )

    def _do(self, seconds: float, activity: str, operation: Callable[[], T]) -> T:
        """Return the result of `operation`, which must end within `seconds`."""
        with (
            interference_named(self._session.probe),
            translated_errors(self._probe, self._board.target, activity),
        ):
            return self._limit.run(seconds, activity, operation)


def _loaded_size(elf: Elf) -> int:
    return sum(len(segment.data) for segment in elf.segments())
