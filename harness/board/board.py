"""What every board can do, real or emulated."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from harness.board.device_info import DeviceInfo
from harness.board.ways_back import WayBack
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.link.carrier import Carrier
from harness.link.rtt_carrier import RttCarrier, Transfer, block_address
from harness.support.process_activity import Activity
from harness.target.target_file import Target


class Executed(NamedTuple):
    """What an emulator executed in an inference, between the two readings of the counter."""

    instructions: int
    """All instructions of the core."""
    in_interrupts: int = 0
    """How many of them were in interrupts of SysTick, whose ticks do not count."""
    surplus: int = 0
    """Ticks of SysTick that the firmware counts too many: on the emulator, its period is short."""


class Bracket(NamedTuple):
    """What an emulator knows of the last inferences."""

    inferences: tuple[Executed, ...]
    """One entry for each of them."""
    empty: int | None
    """The instructions between the first two readings, around a call of an empty function; None if
    the emulator cannot tell these readings apart."""
    remedy: str
    """How to make one tick of the counter one instruction."""
    tolerated: str
    """Accesses since the start that fault on a chip, if the target file allows them."""

    def counted(self, index: int, *, overhead: int) -> int:
        """Return the instructions of an inference as the firmware has to count them.

        Interrupts of SysTick are left out. The firmware also leaves out an empty bracket if it
        knows the `overhead`, which is not 0 then.
        """
        executed = self.inferences[index]
        empty = overhead if self.empty is None else self.empty
        return executed.instructions - executed.in_interrupts - (empty if overhead else 0)


class Diagnosis(NamedTuple):
    """Why a device fails, as far as its board knows."""

    text: str = ""
    """Details for a person; empty if there are none."""
    remedy: str = ""
    """What corrects the firmware, or how the board was started; then no reset brings it back."""


class Board(Protocol):
    """A target that runs images. The code that provisions it must call `close`."""

    @property
    def version(self) -> str:
        """What the image runs on: the emulator and its version, or the board's probe."""

    @property
    def device(self) -> DeviceInfo | None:
        """Which of several equal boards it is, once it is started; None if there is only one."""

    def start(self, image: Image) -> Carrier:
        """Put `image` on the board, start it from reset, and return what carries its link.

        The image's `stack` in RAM is painted before the firmware starts.
        """

    def stop(self) -> None:
        """Stop the running image; stopping twice is not an error."""

    def close(self) -> None:
        """Release all resources, including those that outlive a single start."""

    def check(self, unanswered: int = 0) -> None:
        """Raise `InfrastructureError` if the board can no longer answer.

        `unanswered` is how many checks there were since the device's last message: the handler of a
        fault may return.
        """

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes of RAM at `address` without disturbing the waiting firmware."""

    def write_memory(self, address: int, data: bytes) -> None:
        """Write `data` to RAM at `address` without disturbing the waiting firmware.

        The data is in RAM when this returns. Raises `InfrastructureError` if the write fails,
        but not every debug interface notices; the device checks the input's CRC.
        """

    def bracket(self, count: int = 1) -> Bracket | None:
        """Return what the board knows of the last `count` inferences; None if nothing.

        Raises `DeviceFaultError` if the firmware did what faults on a chip, but not here.
        """

    def diagnosis(self) -> Diagnosis:
        """Return what helps to explain a failure."""

    def swo_lines(self) -> Sequence[str]:
        """Return the lines of text that the firmware has sent over SWO since the last call.

        There are none where nothing receives them.
        """

    def ways_back(self) -> Sequence[WayBack]:
        """Return what may bring the board back if it hangs, the mildest way first.

        There is none for an emulator, which does not hang by itself and does the same again.
        """


def rtt_carrier(
    board: Board,
    target: Target,
    image: Image,
    activity: Callable[[], Activity | None] = lambda: None,
    *,
    transfer: Transfer | None = None,
    is_far: bool = False,
) -> RttCarrier:
    """Return the carrier of a started `image` whose link goes through the board's memory.

    `transfer` writes and reads several pieces at once, if the board can do that. `is_far` is
    whether an access takes a round trip over a network.
    """
    return RttCarrier(
        board,
        block_address(image.elf),
        target.memory.ram,
        name=f"{target.name} (RTT)",
        activity=activity,
        transfer=transfer,
        is_far=is_far,
    )


def log_file(logs: Path, target: Target) -> Path:
    """Return the path of an emulator's log in the folder `logs`, which is created."""
    logs.mkdir(parents=True, exist_ok=True)
    return logs / f"{target.file_name}-{os.getpid()}.log"


def not_started(target: Target) -> InfrastructureError:
    """Return the error for a call that needs a started board."""
    return InfrastructureError("the board is not started", where=target.name)
