"""Boards emulated by Renode."""

import os
from pathlib import Path

from harness.board.active_fault import HandlerWatch
from harness.board.board import (
    Bracket,
    Diagnosis,
    Executed,
    log_file,
    not_started,
    rtt_carrier,
)
from harness.board.halted import Location, whereabouts
from harness.board.renode import core_counters, counter_hooks, machine
from harness.board.renode.installation import find_renode
from harness.board.renode.monitor import Monitor, quoted
from harness.board.renode.readings import Accesses
from harness.board.renode.renode_log import RenodeLog
from harness.board.renode.renode_process import RenodeProcess, stderr_of
from harness.board.ways_back import WayBack
from harness.elf import Elf
from harness.errors import InfrastructureError, InputError
from harness.image.build import Image
from harness.image.stack_paint import paint
from harness.link.carrier import Carrier
from harness.link.channel import Channel
from harness.link.device_errors import DeviceFaultError, DeviceStoppedError
from harness.target.target_file import Renode, Target

_LOG_LINES = 10
_BURST = 256  # bytes; a larger backlog makes Renode's UART slow: docs/renode.md
# Renode's numbers. In a handler, r13 is MSP, and the other stack pointer PSP.
_REGISTERS = {f"r{number}": number for number in range(13)}
_REGISTERS |= {"msp": 13, "lr": 14, "psp": 22, "xpsr": 25}


class RenodeBoard:
    """A machine in Renode; each image starts a new Renode process.

    `renode` is the path of Renode; if it is empty, `find_renode` searches for one.
    """

    device = None  # there is only one

    def __init__(self, target: Target, board: Renode, logs: Path, renode: str = "") -> None:
        self._target = target
        self._board = board
        self._renode = find_renode(renode)
        self._log_file = log_file(logs, target)
        self._log: RenodeLog | None = None
        self._process: RenodeProcess | None = None
        self._line: int | None = None
        self._elf: Elf | None = None
        self._handler = HandlerWatch()
        self._remedy = ""  # how to make one tick one instruction

    @property
    def version(self) -> str:
        """Renode's name and version, from its `--version`."""
        return self._renode.version

    def start(self, image: Image) -> Carrier:
        """Start Renode, create the machine, load `image`, and run it."""
        self.stop()
        elf = self._elf = image.elf
        calls = elf.symbols(counter_hooks.COUNTER) is not None
        self._log = RenodeLog(self._log_file, self._board.cpu, elf.memory(), calls=calls)
        process = self._process = RenodeProcess(self._renode, self._log_file, self._target.name)
        monitor = process.monitor
        machine.build(monitor, self._target, self._board, elf, process.scratch)
        if self._target.port.over_rtt:
            core_counters.count_instructions(monitor, self._board, self._target.mcu.core)
        else:
            self._line = machine.connect(monitor, self._target, self._board, process.scratch)
        machine.load(monitor, self._target, self._board, elf)
        tree = monitor.command("peripherals")
        self._remedy = core_counters.counting_remedy(tree, self._board)
        machine.report(monitor, self._board, elf, tree)
        if self._target.port.over_rtt:
            core_counters.report_interrupts(monitor, self._board)
        if image.stack:
            self.write_memory(image.stack.start, paint(image.stack))
        monitor.command("start")
        if self._line is None:
            return rtt_carrier(self, self._target, image, process.activity)
        return Channel(
            self._line,
            name=f"{self._target.name} (Renode)",
            burst=_BURST,
            activity=process.activity,
        )

    def stop(self) -> None:
        """End Renode and close the line."""
        if self._line is not None:
            os.close(self._line)
            self._line = None
        if self._process is not None:
            self._process.close()
            self._process = None

    def close(self) -> None:
        """Same as `stop`: nothing outlives a start."""
        self.stop()

    def check(self, unanswered: int = 0) -> None:
        """Raise if the core was aborted, which leaves Renode running, or did what faults on a chip.

        `DeviceStoppedError` is for the first, `DeviceFaultError` for the second, and for a core
        that stays in the handler of a fault.
        """
        self._check_log()
        if self._process is None or not self._handler.stays(self.read_memory, unanswered):
            return
        location = self._location(self._process.monitor)
        raise DeviceFaultError(
            f"the core stays {location.text}", where=self._target.name, remedy=location.remedy
        )

    def _check_log(self) -> None:
        log, elf = self._log, self._elf
        if log is None or elf is None:
            return
        log.update()
        if log.abort is not None:
            raise DeviceStoppedError(
                f"Renode stopped the core at {elf.locate(log.abort.pc)}: {log.abort.why}",
                where=self._target.name,
            )
        if log.unmapped.count and self._board.unmapped == "fault":
            error = DeviceFaultError(
                f"{_described(log.unmapped, elf)}: a chip takes a fault there, Renode does not",
                where=self._target.name,
                remedy="correct the firmware. If the chip has something at this address, add it "
                'to the platform, or allow such accesses: board.unmapped = "warn"',
            )
            error.inference = log.unmapped.inference
            raise error

    def diagnosis(self) -> Diagnosis:
        """Return where the core is, and the last warnings and errors of Renode's log."""
        excerpt = self._log.excerpt() if self._log else []
        stderr = stderr_of(self._log_file)
        excerpt = excerpt or stderr.read_text(errors="replace").splitlines()[-_LOG_LINES:]
        title = [f"Renode's log ({self._log_file}):"] if excerpt else []
        state = self._whereabouts()
        text = "\n".join([*filter(None, [state.text]), *title, *excerpt])
        return Diagnosis(text, state.remedy)

    def swo_lines(self) -> tuple[str, ...]:
        """None: Renode has no ITM."""
        return ()

    def ways_back(self) -> tuple[WayBack, ...]:
        """None: an emulator that is started again does the same."""
        return ()

    def bracket(self, count: int = 1) -> Bracket:
        """Return Renode's own counts of the last `count` inferences."""
        monitor, log, elf = self._started().monitor, self._log, self._elf
        if log is None or elf is None:
            raise not_started(self._target)
        log.update()
        had_load = log.has_load
        counts = log.brackets(count)
        if log.has_load and not had_load:
            counter_hooks.forget_calls(monitor)
        self._check_log()
        if counts is None:
            raise self._uncounted(elf)
        tolerated = _described(log.unmapped, elf) if log.unmapped.count else ""
        executed = tuple(
            Executed(one.instructions, one.interrupts.instructions, surplus=one.interrupts.count)
            for one in counts.inferences
        )
        return Bracket(executed, counts.empty, self._remedy, tolerated)

    def read_memory(self, address: int, size: int) -> bytes:
        """Return `size` bytes at `address`."""
        process = self._started()
        file = process.scratch / "data"  # `sysbus ReadBytes` prints 20 bytes in a millisecond
        process.monitor.command(f"dump_file {address:#x} {size} {quoted(file)}")
        return file.read_bytes()

    def write_memory(self, address: int, data: bytes) -> None:
        """Write `data` to RAM at `address`, while the firmware waits."""
        process = self._started()
        file = process.scratch / "data"
        file.write_bytes(data)
        process.monitor.command(f"sysbus LoadBinary {quoted(file)} {address:#x}")

    def _uncounted(self, elf: Elf) -> InputError | InfrastructureError:
        """Return why Renode has no count of an inference."""
        if elf.symbols(counter_hooks.COUNTER) is None:
            return InputError(
                "reads no counter of the core (DWT, SysTick), and has no symbol "
                f"{counter_hooks.COUNTER}: Renode cannot count the instructions of an inference, "
                "and the device's counter cannot be checked",
                where=str(elf.path),
                remedy="measure with link_measure(), or read the counter in a function of this "
                "name: docs/firmware.md",
            )
        return InfrastructureError(
            f"the firmware did not call {counter_hooks.COUNTER} before and after the inference, or "
            f"Renode's log lacks it: {self._log_file}",
            where=self._target.name,
            remedy="it reads the counter in another way: docs/firmware.md",
        )

    def _started(self) -> RenodeProcess:
        if self._process is None:
            raise not_started(self._target)
        return self._process

    def _whereabouts(self) -> Location:
        """Return the core's location and its caller; empty if Renode no longer answers."""
        if self._process is None:
            return Location("")
        try:
            text, remedy = self._location(self._process.monitor)
        except InfrastructureError:
            return Location("")
        return Location(f"the core was {text}", remedy)

    def _location(self, monitor: Monitor) -> Location:
        """Stop the core; return where it is, and the fault if it handles one."""
        if self._elf is None:
            raise not_started(self._target)
        cpu = f"sysbus.{self._board.cpu}"
        monitor.command("pause")
        registers = {"pc": monitor.number(f"{cpu} PC")}
        for name, number in _REGISTERS.items():
            registers[name] = monitor.number(f"{cpu} GetRegister {number}")
        return whereabouts(registers, self.read_memory, self._elf)


def _described(accesses: Accesses, elf: Elf) -> str:
    """Return what the first of `accesses` was, and how many there were."""
    first = accesses.first
    where = f", by {elf.locate(first.pc)}" if first else ""
    others = f" ({accesses.count:,} such accesses)" if accesses.count > 1 else ""
    return f"{first}, where the platform has neither memory nor a peripheral{where}{others}"
