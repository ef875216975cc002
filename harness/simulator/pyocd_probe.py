"""The debug probe of virtual boards, for pyOCD.

A round trip takes longer than the transfers in it. Writes, and reads whose value pyOCD needs only
later, are therefore buffered and sent together with the next read.
"""

import time
from collections.abc import Callable, Collection, Sequence
from typing import Any

from pyocd.board.board import Board
from pyocd.board.board_ids import BoardInfo
from pyocd.core import exceptions
from pyocd.probe.debug_probe import DebugProbe

from harness.simulator import runtime_folder
from harness.simulator.board_client import (
    BoardBusyError,
    BoardGoneError,
    BoardSilentError,
    Session,
)
from harness.simulator.bus import MASK32
from harness.simulator.running_board import RunningBoard
from harness.simulator.runtime_folder import Announcement
from harness.simulator.socket_protocol import (
    MAX_MESSAGE,
    Operation,
    Status,
    decode_bytes,
    encode_operation,
)

VENDOR = "tinyml-harness"
"""The vendor of the probes of virtual boards. Clients of `pyocd server` can ask for it, too."""

_MAX_WORDS = 0xFFFF  # in one operation
_FLUSH_AT = MAX_MESSAGE // 16
_SWO_WORDS = 4096
_RESET_PULSE = 0.01  # seconds


class _PendingRead:
    """A read in the buffered batch: `count` words."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.words: Sequence[int] | None = None
        self.error: exceptions.Error | None = None


class VirtualProbe(DebugProbe):  # type: ignore[misc]
    """A virtual board's debug port as pyOCD sees it."""

    def __init__(self, announcement: Announcement) -> None:
        super().__init__()
        self._announcement = announcement
        self._board_session: Session | None = None
        self._protocol: DebugProbe.Protocol | None = None
        self._reset = False
        self._batch = bytearray()
        self._pending: list[_PendingRead] = []

    @classmethod
    def get_all_connected_probes(
        cls, unique_id: str | None = None, is_explicit: bool = False
    ) -> Sequence[DebugProbe]:
        """Return the probes of all running boards; pyOCD selects by ID."""
        del unique_id, is_explicit
        return [cls(announcement) for announcement in runtime_folder.running()]

    @classmethod
    def get_probe_with_id(cls, unique_id: str, is_explicit: bool = False) -> DebugProbe | None:
        """Return the probe with exactly this ID, or None."""
        del is_explicit
        announcement = runtime_folder.find(unique_id)
        return None if announcement is None else cls(announcement)

    @property
    def vendor_name(self) -> str:
        """The vendor of the probe."""
        return VENDOR

    @property
    def product_name(self) -> str:
        """The name of the probe."""
        return "virtual board"

    @property
    def description(self) -> str:
        """The name of the board."""
        return self._announcement.board

    @property
    def unique_id(self) -> str:
        """The ID of the probe."""
        return self._announcement.probe_id

    @property
    def serial_port(self) -> str:
        """The path of the board's serial port; empty if it has none."""
        return self._announcement.port

    @property
    def private(self) -> bool:
        """Whether the board belongs to one program: see `Announcement`."""
        return self._announcement.private

    @property
    def running_board(self) -> RunningBoard:
        """The board itself, beside its debug port."""
        return RunningBoard(self._announcement)

    @property
    def supported_wire_protocols(self) -> Collection[DebugProbe.Protocol]:
        """Only SWD."""
        return [DebugProbe.Protocol.DEFAULT, DebugProbe.Protocol.SWD]

    @property
    def wire_protocol(self) -> DebugProbe.Protocol | None:
        """SWD while connected."""
        return self._protocol

    @property
    def is_open(self) -> bool:
        """Whether this probe is open."""
        return self._board_session is not None

    @property
    def capabilities(self) -> set[DebugProbe.Capability]:
        """The capabilities of the probe."""
        return {
            DebugProbe.Capability.SWJ_SEQUENCE,
            DebugProbe.Capability.BANKED_DP_REGISTERS,
            DebugProbe.Capability.SWO,
        }

    @property
    def associated_board_info(self) -> BoardInfo:
        """Name and target type of the board."""
        return BoardInfo(name=self._announcement.board, target=self._announcement.chip)

    def create_associated_board(self) -> Board:
        """Return pyOCD's board for it."""
        return Board(self.session, board_info=self.associated_board_info)

    def open(self) -> None:
        """Open the board; raise `ProbeError` if another session has it open."""
        try:
            self._board_session = Session(self._announcement)
        except BoardBusyError as error:
            raise exceptions.ProbeError(
                f"virtual board {self.unique_id} is busy: {error}"
            ) from error
        except BoardSilentError as error:
            raise TimeoutError(str(error)) from error
        except BoardGoneError as error:
            raise exceptions.ProbeDisconnected(str(error)) from error

    def close(self) -> None:
        """Close the board's session."""
        if self._board_session is not None:
            self._board_session.close()
        self._board_session = None
        self._batch.clear()
        self._pending.clear()

    def cut(self) -> None:
        """End the connection to the board, from any thread."""
        if self._board_session is not None:
            self._board_session.cut()

    def connect(self, protocol: DebugProbe.Protocol | None = None) -> None:
        """Select SWD."""
        del protocol
        self._protocol = DebugProbe.Protocol.SWD

    def disconnect(self) -> None:
        """Disconnect from the debug port."""
        self._protocol = None

    def set_clock(self, frequency: float) -> None:
        """Ignore the clock frequency: a virtual board has no SWD clock."""

    def swj_sequence(self, length: int, bits: int) -> None:
        """Ignore the sequence: the port is always in SWD mode."""

    def reset(self) -> None:
        """Pulse nRESET."""
        self.assert_reset(True)
        time.sleep(_RESET_PULSE)
        self.assert_reset(False)

    def assert_reset(self, asserted: bool) -> None:
        """Drive nRESET."""
        self._reset = asserted
        self._add(Operation.RESET, int(asserted))
        self.flush()

    def is_reset_asserted(self) -> bool:
        """Return whether nRESET is low."""
        return self._reset

    def swo_start(self, baudrate: float) -> None:
        """Keep from now on what SWO sends, at any speed."""
        del baudrate
        self._execute(encode_operation(Operation.LISTEN, 1))

    def swo_stop(self) -> None:
        """Keep nothing of what SWO sends."""
        self._execute(encode_operation(Operation.LISTEN, 0))

    def swo_read(self) -> bytearray:
        """Return what SWO has sent since the last call."""
        _, words = self._execute(encode_operation(Operation.READ_SWO, 0, _SWO_WORDS))
        return decode_bytes(words) if words else bytearray()

    def read_dp(self, addr: int, now: bool = True) -> Any:
        """Read a register of the debug port; with `now` false, return a function that reads it."""
        return self._single_word(self._read(Operation.READ_DP, addr, 1), now=now)

    def write_dp(self, addr: int, data: int) -> None:
        """Write a register of the debug port."""
        self._add(Operation.WRITE_DP, addr, (data & MASK32,))

    def read_ap(self, addr: int, now: bool = True) -> Any:
        """Read a register of an access port; with `now` false, return a function that reads it."""
        return self._single_word(self._read(Operation.READ_AP, addr, 1), now=now)

    def write_ap(self, addr: int, data: int) -> None:
        """Write a register of an access port."""
        self._add(Operation.WRITE_AP, addr, (data & MASK32,))

    def read_ap_multiple(
        self, addr: int, count: int = 1, now: bool = True
    ) -> Sequence[int] | Callable[[], Sequence[int]]:
        """Read a register of an access port `count` times; `now` is as for `read_ap`."""
        parts = [
            self._read(Operation.READ_AP, addr, min(_MAX_WORDS, count - begin))
            for begin in range(0, count, _MAX_WORDS)
        ]

        def result() -> Sequence[int]:
            return [word for part in parts for word in self._words(part)]

        return result() if now else result

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        """Write `values` to a register of an access port."""
        for begin in range(0, len(values), _MAX_WORDS):
            self._add(
                Operation.WRITE_AP,
                addr,
                tuple(value & MASK32 for value in values[begin : begin + _MAX_WORDS]),
            )

    def flush(self) -> None:
        """Send the buffered batch and raise its error, if any."""
        if not self._batch:
            return
        batch, self._batch = bytes(self._batch), bytearray()
        pending, self._pending = self._pending, []
        try:
            status, words = self._execute(batch)
        except exceptions.ProbeDisconnected as error:
            raise self._fail(pending, error) from error.__cause__
        for read in pending:
            if len(words) < read.count:
                break
            read.words, words = words[: read.count], words[read.count :]
        if status is Status.FAULT:
            raise self._fail(pending, exceptions.TransferFaultError())
        if status is Status.NO_ACK:
            raise self._fail(pending, exceptions.TransferError("No ACK received"))

    def _execute(self, batch: bytes) -> tuple[Status, tuple[int, ...]]:
        if self._board_session is None:
            raise exceptions.ProbeDisconnected(f"virtual board {self.unique_id} is not open")
        try:
            return self._board_session.execute(batch)
        except BoardSilentError as error:
            raise TimeoutError(str(error)) from error
        except BoardGoneError as error:
            raise exceptions.ProbeDisconnected(str(error)) from error

    @staticmethod
    def _fail(pending: Sequence[_PendingRead], error: exceptions.Error) -> exceptions.Error:
        for read in pending:
            if read.words is None:
                read.error = error
        return error

    def _add(self, operation: Operation, address: int, words: tuple[int, ...] = ()) -> None:
        self._batch += encode_operation(operation, address, max(len(words), 1), words)
        if len(self._batch) > _FLUSH_AT:
            self.flush()

    def _read(self, operation: Operation, address: int, count: int) -> _PendingRead:
        self._batch += encode_operation(operation, address, count)
        read = _PendingRead(count)
        self._pending.append(read)
        return read

    def _words(self, read: _PendingRead) -> Sequence[int]:
        if read.words is None and read.error is None:
            self.flush()
        if read.error is not None:
            raise read.error
        return read.words or ()

    def _single_word(self, read: _PendingRead, *, now: bool) -> Any:
        def result() -> int:
            return self._words(read)[0]

        return result() if now else result
