"""Boards behind a debug probe, driven through pyOCD, both real and virtual."""

import shlex
import time
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version as package_version
from typing import Any

from harness.board.active_fault import HandlerWatch
from harness.board.board import Diagnosis, not_started, rtt_carrier
from harness.board.device_info import DeviceInfo
from harness.board.pyocd.open_chip import OpenChip
from harness.board.pyocd.power_cycle import BACK_DEADLINE, PowerCycle
from harness.board.pyocd.probe_lease import ProbeLease
from harness.board.pyocd.probe_port import port_of
from harness.board.pyocd.probes import (
    is_of_virtual_board,
    pick_probe,
)
from harness.board.pyocd.programming import Sectors
from harness.board.pyocd.pyocd_errors import is_remote
from harness.board.pyocd.time_limit import TimeLimit
from harness.board.pyocd.told_identity import ToldIdentity
from harness.board.pyocd.virtual_side import OtherUart, VirtualSide
from harness.board.ways_back import WayBack
from harness.elf import Elf
from harness.errors import InfrastructureError
from harness.image.build import Image
from harness.link.carrier import Carrier
from harness.link.channel import Channel
from harness.link.rtt_block import CLEARED
from harness.link.rtt_carrier import block_address
from harness.link.serial_port import Port, open_port
from harness.support.lease import Lease
from harness.support.process_activity import Activity
from harness.support.progress import Progress
from harness.target.target_file import Pyocd, Target

_SEARCH_LIMIT = 30.0  # seconds until a probe is found
_BACK_POLL = 0.5  # seconds


class PyocdBoard:
    """A chip behind a probe, and the serial port of its firmware.

    `board` describes probe and port; `lock_timeout` is how many seconds to wait for a probe or
    port that another session uses. `activity` returns what the process of a virtual board does.
    """

    def __init__(
        self,
        target: Target,
        board: Pyocd,
        progress: Progress,
        lock_timeout: float,
        *,
        activity: Callable[[], Activity | None] = lambda: None,
    ) -> None:
        self._target = target
        self._board = board
        self._progress = progress
        self._lock_timeout = lock_timeout
        self._activity = activity
        self._leases: list[Lease | ProbeLease] = []
        self._chip: OpenChip | None = None
        self._port: Port | None = None
        self._elf: Elf | None = None
        self._virtual: VirtualSide | None = None
        self._handler = HandlerWatch()
        self._told = ToldIdentity()
        self._probe = board.probe
        self._sectors: Sectors = "differing"  # that the next start programs
        self._back_by = 0.0  # until when its probe and port may be missing
        self._warned: set[str] = set()

    @property
    def version(self) -> str:
        """The probe, and the version of pyOCD that drives it."""
        probe = "virtual probe" if self._told.simulated else "probe"
        return f"pyOCD {package_version('pyocd')}, {probe} {self._probe}"

    @property
    def device(self) -> DeviceInfo | None:
        """Which of several equal boards it is; None if its chip has not told its unique ID."""
        return DeviceInfo(chip_id=self._told.chip_id) if self._told.chip_id else None

    @property
    def counts_instructions(self) -> bool:
        """Whether it is a simulator, as its probe says; false until it is started."""
        return self._told.simulated

    def start(self, image: Image) -> Carrier:
        """Flash `image`, verify it, and start it with its serial port open, if it has one.

        After a power cycle, this waits for probe and port.
        """
        while True:
            try:
                carrier = self._start(image)
            except InfrastructureError:
                if time.monotonic() >= self._back_by:
                    raise
            else:
                self._back_by = 0.0
                return carrier
            time.sleep(_BACK_POLL)

    def _start(self, image: Image) -> Carrier:
        self.stop()
        sectors, self._sectors = self._sectors, "differing"
        self._told = ToldIdentity()  # until this chip has told it
        if self._target.doubt:
            self._warn(f"{self._target.name}: not known: {self._target.doubt}")
        probe = self._find_probe()
        self._probe = probe.unique_id
        # Take the lease before opening the probe: pyOCD's errors for a busy probe vary.
        wait = self._lock_timeout
        self._leases.append(ProbeLease(probe, self._board.target, wait=wait))
        over_rtt = self._target.port.over_rtt
        device = "" if over_rtt else self._board.serial or port_of(probe, self._board.interface)
        if device:
            self._leases.append(Lease(f"port {device}", wait=wait))
        chip = self._chip = OpenChip(probe, self._target, self._board, self._warn)
        self._elf = image.elf
        self._virtual = VirtualSide(probe)
        self._told = chip.identify()
        if self._target.load == "flash":
            chip.flash(image.elf, sectors, self._progress)
        simulated = self._told.simulated
        if over_rtt:
            block = block_address(image.elf)  # RAM may still have that of an earlier run
            chip.boot(image, simulated=simulated, cleared=range(block, block + len(CLEARED)))
            return rtt_carrier(
                self,
                self._target,
                image,
                self._activity,
                transfer=chip.transfer,
                is_far=is_remote(self._probe),
            )
        self._port = open_port(device, self._target.port.baud)
        chip.boot(image, simulated=simulated)
        name = f"{self._target.name} ({device})"
        return Channel(self._port.fileno(), name=name, activity=self._activity)

    def _find_probe(self) -> Any:
        """Return the probe of the board; a warning says if it is a virtual board's, not named."""
        wanted, board = self._board.probe, self._target.name
        limit = TimeLimit(f"probe {wanted}")
        probe = limit.run(_SEARCH_LIMIT, "searching the probe", lambda: pick_probe(wanted, board))
        if not wanted and is_of_virtual_board(probe):
            text = f"no debug probe is connected: it runs on the virtual board {probe.unique_id}"
            self._warn(f"{board}: {text}")
        return probe

    def _warn(self, text: str) -> None:
        """Show a warning, once for all starts of this board."""
        if text not in self._warned:
            self._warned.add(text)
            self._progress.warn(text)

    def stop(self) -> None:
        """Disconnect from probe and port and release them; the chip keeps its state."""
        if self._port is not None:
            self._port.close()
            self._port = None
        chip, self._chip = self._chip, None
        if chip is not None:
            chip.close()
        while self._leases:
            self._leases.pop().release()

    def close(self) -> None:
        """Same as `stop`: hardware needs no further cleanup."""
        self.stop()

    def check(self, unanswered: int = 0) -> None:
        """Raise `DeviceFaultError` or `DeviceStoppedError` if the core does not run.

        A core that stays in the handler of a fault does not run either.
        """
        chip, elf = self._chip, self._elf
        if chip is None or elf is None:
            return
        error = chip.error(elf, self._handler, unanswered)
        if error is not None:
            raise error

    def bracket(self, count: int = 1) -> None:
        """Return None: hardware does not count instructions."""

    def diagnosis(self) -> Diagnosis:
        """Return where a core that does not answer was; this halts the core."""
        chip, elf, virtual = self._chip, self._elf, self._virtual
        if chip is None or elf is None or virtual is None:
            return Diagnosis()
        try:
            found = chip.diagnosis(elf)
            other = virtual.other_uart()
        except InfrastructureError as error:
            return Diagnosis(str(error))
        if other is None:
            return found
        return Diagnosis(f"{other}\n{found.text}", self._remedy_of(other))

    def _remedy_of(self, other: OtherUart) -> str:
        """Return how to connect the serial port to the UART on which the firmware sends."""
        return (
            f"serve the board with --uart={other.sends[0]}, or have the firmware send on "
            f"{other.port}, as on the real board"
        )

    def swo_lines(self) -> Sequence[str]:
        """Return the lines of text that have come over SWO since the last call.

        They are those of a virtual board. A real probe does not listen.
        """
        return self._virtual.swo_lines() if self._virtual else ()

    def ways_back(self) -> Sequence[WayBack]:
        """Reset, reflash, and a power cycle if there is a way to do it.

        A first start resets, too. It is tried once more, which in RAM is the only way.
        """
        in_flash = self._target.load == "flash"
        ways = [WayBack("reset", partial(self._program_next, "none"), is_start=in_flash)]
        if in_flash:
            rewrite = partial(self._program_next, "all")
            ways.append(WayBack("reflash", rewrite, only_writes_flash=True))
        cycle = self._power_cycle()
        if cycle is not None:
            ways.append(WayBack("power cycle", partial(self._cycle, cycle), needs_probe=False))
        return ways

    def _power_cycle(self) -> PowerCycle | None:
        """Return what switches the board off and on; None if nothing does."""
        command = shlex.split(self._board.power_cycle)
        where = f"{self._target.path}: board.power_cycle"
        return PowerCycle(command, where) if command else None

    def _program_next(self, sectors: Sectors) -> None:
        self._sectors = sectors

    def _cycle(self, cycle: PowerCycle) -> None:
        cycle()
        self._back_by = time.monotonic() + BACK_DEADLINE

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`; the core may run."""
        return self._started().transfer((), [range(address, address + size)])[0]

    def write_memory(self, address: int, data: bytes) -> None:
        """Write `data` to RAM at `address`; the core may run."""
        # RUN can overtake the bytes if it does not go through the probe, too.
        self._started().transfer([(address, data)], (), wait=not self._target.port.over_rtt)

    def _started(self) -> OpenChip:
        if self._chip is None:
            raise not_started(self._target)
        return self._chip
