"""The float context of exceptions, which is stacked at once or lazily.

Armv7-M ARM (DDI 0403E): B1.5.7 stacking of the float state, B3.2.21 to B3.2.23 FPCCR, FPCAR and
FPDSCR. With lazy stacking, an exception only reserves the space. The emulator then stacks the
registers before the next float instruction. If memory would refuse that, the instruction is denied.
"""

from collections.abc import Callable

from harness.simulator.hidden_state import HiddenState
from harness.simulator.stacking import Access, StackError, Stacking

FPCCR, FPCAR, FPDSCR = 0xF34, 0xF38, 0xF3C
OFFSETS = (FPCCR, FPCAR, FPDSCR)
"""Offsets in the system control space."""

ASPEN, LSPEN = 1 << 31, 1 << 30
MONRDY, BFRDY, MMRDY, HFRDY, THREAD, USER, LSPACT = (1 << bit for bit in (8, 6, 5, 4, 3, 1, 0))
WORDS = 18
"""S0 to S15, FPSCR and a reserved word."""

_SECURE = 1 << 2  # Armv8-M: the context belongs to the Secure state
_SETTINGS = ASPEN | LSPEN | _SECURE
_WRITABLE = ASPEN | LSPEN | MONRDY | BFRDY | MMRDY | HFRDY | THREAD | USER | LSPACT
_DEFAULTS = 0x07C0_0000  # the writable bits of FPDSCR
_ALL_COPROCESSORS = 0xF << 20  # the executor checks CPACR


class FloatContext:
    """The registers, which the emulator keeps in its `hidden` state.

    `stall` is called with whether the next float instruction must not run, because `stacking` would
    fail; `refusal` then tells why.
    """

    def __init__(
        self, hidden: HiddenState, stacking: Stacking, stall: Callable[[bool], None]
    ) -> None:
        self.refusal: StackError | None = None
        self._hidden = hidden
        self._stacking = stacking
        self._stall = stall
        self._bank = hidden.bank

    def reset(self) -> None:
        """Set the registers to their values after reset: lazy stacking is on."""
        self._refuse(None)
        with self._hidden as machine:
            machine.fpccr[:] = (0, 0)
            machine.fpccr[self._bank] = ASPEN | LSPEN | (_SECURE if self._bank else 0)
            machine.fpcar[:] = machine.fpdscr[:] = (0, 0)
            machine.cpacr[:] = (_ALL_COPROCESSORS, _ALL_COPROCESSORS)

    def read(self, offset: int) -> int:
        """Return a register."""
        if offset == FPCCR:
            return self.control
        self._hidden.load()
        machine = self._hidden.machine
        value: int = (machine.fpcar if offset == FPCAR else machine.fpdscr)[self._bank]
        return value

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into."""
        return self.read(offset)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        control = self.control
        with self._hidden as machine:
            if offset == FPCCR:
                control = value & _WRITABLE | control & _SECURE
            elif offset == FPCAR:
                machine.fpcar[self._bank] = value & ~7
            else:
                machine.fpdscr[self._bank] = value & _DEFAULTS
        self._set_control(control)

    @property
    def control(self) -> int:
        """FPCCR."""
        self._hidden.load()
        control: int = self._hidden.machine.fpccr[self._bank]
        return control | LSPACT if self.refusal else control

    def reserve(self, address: int, ready: int) -> None:
        """Let the next float instruction stack at `address`; `ready` are FPCCR's other bits."""
        with self._hidden as machine:
            machine.fpcar[self._bank] = address & ~7
            control = machine.fpccr[self._bank]
        self._set_control(control & _SETTINGS | ready | LSPACT)

    def release(self) -> bool:
        """Cancel what was reserved; return whether nothing was stacked there yet."""
        control = self.control
        if not control & LSPACT:
            return False
        self._set_control(control & ~LSPACT)
        return True

    def check(self) -> None:
        """Find out again whether stacking would fail: the MPU has changed."""
        control = self.control
        if control & LSPACT:
            self._set_control(control)

    def _set_control(self, control: int) -> None:
        """Set FPCCR; the emulator sees LSPACT only if stacking will not fail."""
        refusal = None
        if control & LSPACT:
            access = Access(not control & USER, not control & HFRDY)
            try:
                self._stacking.check_lazy(self.read(FPCAR), WORDS - 1, access)
            except StackError as error:
                refusal = error
        with self._hidden as machine:
            machine.fpccr[self._bank] = control & ~LSPACT if refusal else control
        self._refuse(refusal)

    def _refuse(self, refusal: StackError | None) -> None:
        changed = bool(refusal) != bool(self.refusal)
        self.refusal = refusal
        if changed:
            self._stall(bool(refusal))
