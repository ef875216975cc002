"""Faults of RTT: what the host and the firmware share in the device's memory is damaged."""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.board.board_options import BoardOptions
from harness.engines.registry import DEFAULT_ENGINE, find_engine
from harness.errors import InfrastructureError
from harness.image.build import build_image
from harness.link.rtt_block import SIZE
from harness.link.rtt_carrier import Piece, RttCarrier, block_address
from harness.model.folder import find_model
from harness.runs.link_dut import LinkDut
from harness.runs.link_run import Run
from harness.simulator.board_process import VirtualBoard
from harness.target.find_target import find_target
from harness.workspace import Workspace
from tests.faults.case import DEADLINE, Case
from tests.faults.fault import fault
from tests.faults.findings import Kind
from tests.faults.truth import MODEL, Carrier
from tests.support.devices import opened

_RTT: Sequence[Carrier] = ("rtt",)
_FLIPS = 20  # in a run
_ACCESSES = 500  # that a run which passes its inputs over the link makes to the rings, at least
_ID = range(16)  # in the control block
_SIZES = (32, 56)  # of the rings
_POSITIONS = (36, 40, 60, 64)
_BRIEF = 5_000_000  # instructions; a run has several times as many


class _Disturbed:
    """The memory of a device; accesses to the rings with the numbers in `moments` are harmed.

    `harm` returns the bytes that arrive instead. Accesses to the control block are not counted.
    """

    def __init__(
        self, carrier: RttCarrier, moments: Collection[int], harm: Callable[[bytes], bytes]
    ) -> None:
        self.to_come = set(moments)
        self._memory: Any = carrier._memory
        self._block = range(carrier._address, carrier._address + SIZE)
        self._harm = harm
        self._accesses = 0
        carrier._memory = self
        carrier._transfer = self._transfer

    def read_memory(self, address: int, size: int) -> bytes:
        return self._harmed(address, self._memory.read_memory(address, size))

    def write_memory(self, address: int, data: bytes) -> None:
        self._memory.write_memory(address, self._harmed(address, data))

    def _transfer(self, pieces: Sequence[Piece], ranges: Sequence[range]) -> list[bytes]:
        for address, data in pieces:
            self.write_memory(address, data)
        return [self.read_memory(each.start, len(each)) for each in ranges]

    def _harmed(self, address: int, data: bytes) -> bytes:
        if address in self._block:
            return data
        self._accesses += 1
        if self._accesses not in self.to_come:
            return data
        self.to_come.remove(self._accesses)
        return self._harm(data)


@contextmanager
def _device(case: Case) -> Iterator[tuple[LinkDut, Run]]:
    """Open a device whose inputs go over RTT; yield it, and a run without any fault."""
    workspace = Workspace(case.root)
    target = find_target(case.virtual, workspace.targets)
    model = find_model(MODEL, workspace.models)
    image = build_image(target, model, find_engine(DEFAULT_ENGINE), workspace.images)
    options = BoardOptions(input_via="serial")
    with opened(target, model, image, case.root, board_options=options) as dut:
        yield dut, dut.run()


def _carrier(dut: LinkDut) -> RttCarrier:
    carrier = dut._link._exchange._carrier
    if not isinstance(carrier, RttCarrier):
        raise TypeError(f"the link of {dut.target.name} is not RTT")
    return carrier


def _run_again(
    case: Case, dut: LinkDut, true: Run, disturbed: _Disturbed, *, ends: bool
) -> Run | None:
    """Run again: the numbers must be true. If the fault `ends` a run, an error may say so."""
    begin = time.monotonic()
    run = None
    try:
        run = dut.run()
    except InfrastructureError as error:
        if not ends:
            case.found(Kind.LOST_RECORD, str(error))
        elif not error.where:
            case.found(Kind.UNCLEAR_ERROR, str(error))
    if time.monotonic() - begin > DEADLINE:
        case.found(Kind.HANG, f"no end after {DEADLINE:g} s")
    if run and ((run.ticks != true.ticks).any() or run.bytes_differing):
        case.found(Kind.WRONG_NUMBER, f"{run.ticks.tolist()} for {true.ticks.tolist()}")
    if run and disturbed.to_come:
        raise RuntimeError(f"{len(disturbed.to_come)} faults did not come: the run was too short")
    return run


def _in_a_run(case: Case, act: Callable[[LinkDut], None]) -> None:
    """Call `act` at some moment of a run, which may end it."""
    with _device(case) as (dut, true):

        def harm(data: bytes) -> bytes:
            act(dut)
            return data

        moment = case.random.randrange(1, _ACCESSES)
        disturbed = _Disturbed(_carrier(dut), (moment,), harm)
        _run_again(case, dut, true, disturbed, ends=True)


def _overwrite(case: Case, offset: int, data: bytes) -> None:
    """Overwrite a part of the control block at some moment of a run."""

    def overwrite(dut: LinkDut) -> None:
        dut.board.write_memory(block_address(dut.image.elf) + offset, data)

    _in_a_run(case, overwrite)


def _break(case: Case, name: str) -> None:
    """Switch a fault of the virtual board on at some moment of a run."""

    def break_board(dut: LinkDut) -> None:
        hardware = dut.board.hardware  # type: ignore[attr-defined]
        if not isinstance(hardware, VirtualBoard):
            raise TypeError(f"{dut.target.name} is not a virtual board")
        hardware.set_fault(name)

    _in_a_run(case, break_board)


@fault(seeds=5, carriers=_RTT)
def bits_of_frames_in_memory_flip(case: Case) -> None:
    """The CRC finds each, in both directions, and the host repeats the request."""
    case.tally.tried = _FLIPS

    def flip(data: bytes) -> bytes:
        flipped = bytearray(data)
        flipped[case.random.randrange(len(data))] ^= 1 << case.random.randrange(8)
        return bytes(flipped)

    with _device(case) as (dut, true):
        moments = case.random.sample(range(1, _ACCESSES), _FLIPS)
        disturbed = _Disturbed(_carrier(dut), moments, flip)
        run = _run_again(case, dut, true, disturbed, ends=False)
        if run and not run.retries:
            case.found(Kind.WRONG_NUMBER, f"{_FLIPS} frames were damaged, and 0 retries counted")


@fault(seeds=6, carriers=_RTT)
def the_control_block_is_overwritten(case: Case) -> None:
    offset = case.random.choice((*_ID, *_SIZES))
    _overwrite(case, offset, case.random.randbytes(case.random.randint(1, SIZE - offset)))


@fault(seeds=8, carriers=_RTT)
def a_position_is_out_of_range(case: Case) -> None:
    position = case.random.choice((4096, 1 << 16, 1 << 31, 0xFFFF_FFFF))
    _overwrite(case, case.random.choice(_POSITIONS), position.to_bytes(4, "little"))


@fault(seeds=8, carriers=_RTT)
def a_position_jumps_within_its_ring(case: Case) -> None:
    position = case.random.randrange(1024)
    _overwrite(case, case.random.choice(_POSITIONS), position.to_bytes(4, "little"))


@fault(seeds=4, carriers=_RTT)
def the_chip_resets_during_a_run(case: Case) -> None:
    _break(case, f"brown-out={case.random.randrange(1000, _BRIEF)}")


@fault(seeds=4, carriers=_RTT)
def the_board_is_unplugged_during_a_run(case: Case) -> None:
    _break(case, "unplug")
