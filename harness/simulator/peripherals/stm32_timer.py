"""STM32 timers: RM0090 rev 19, 17 to 20; RM0351 rev 9, 30 to 33: registers and requests.

timer_counter.py counts. Outputs drive no pin, and pins drive no input: an external clock stands
still, and only an internal clock that is connected to an input is captured.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.timer_counter import TimerCounter
from harness.simulator.peripherals.timer_trigger import TriggerOutput

_CR1, _CR2, _SMCR, _DIER, _SR, _EGR = range(0x00, 0x18, 4)
_CCMR1, _CCMR2, _CCER, _CNT, _PSC, _ARR, _RCR, _CCR1 = range(0x18, 0x38, 4)
_DCR, _DMAR, _OR = 0x48, 0x4C, 0x50
_CEN, _UDIS, _URS, _OPM, _DIR, _ARPE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 7
_UPDATE, _COM, _TRIGGER, _BREAK = 1 << 0, 1 << 5, 1 << 6, 1 << 7  # in SR, DIER and EGR
_DMA_SHIFT = 8  # from a flag to its DMA enable in DIER
_OVERCAPTURE_SHIFT = 8  # from a capture's flag to its CCxOF
_EXTERNAL_CLOCKS = (1, 2, 3, 5, 7)  # SMS: encoder, gated, external clock
_ECE = 1 << 14
_OCPE = 1 << 3


@dataclass(frozen=True)
class TimerDesign:
    """What a timer has: a counter of `bits`, `channels`, and a `repetition` counter.

    `ticks` returns the ticks of the core in one of its clock. `captured` returns the frequency,
    in Hz, of what the option register connects to a channel's input.
    """

    bits: int = 16
    channels: int = 4
    repetition: bool = False
    ticks: Callable[[], int] = lambda: 1
    captured: Callable[[int], Mapping[int, int]] = lambda _option: {}
    core_hz: Callable[[], int] = lambda: 1


@dataclass
class TimerLines:
    """The interrupts of a timer and its DMA requests, by the flag's bit in SR."""

    interrupts: Mapping[int, Callable[[bool], None]]
    requests: Mapping[int, DmaRequest] = field(default_factory=dict)


class Stm32Timer:
    """A timer with its `trigger` output."""

    def __init__(self, agenda: Agenda, design: TimerDesign, lines: TimerLines) -> None:
        self.trigger = TriggerOutput()
        self._agenda = agenda
        self._design = design
        self._lines = lines
        self._counter = TimerCounter(agenda.now, (1 << design.bits) - 1, self._on_update)
        self.reset()

    def reset(self) -> None:
        """Stop at zero, with the longest period."""
        top = (1 << self._design.bits) - 1
        self._registers = {_ARR: top}
        self._flags = 0
        self._burst = 0
        self._compares = [0] * self._design.channels  # the active values, without preload
        self._captures: dict[int, int] = {}  # channel to the tick of its next capture
        self._counter.reset()
        self.trigger.reset()
        self._agenda.put(self.expire, None)
        self._drive()

    def read(self, offset: int) -> int:
        """Return a register; reading a captured value clears its flag."""
        self._settle()
        if offset == _CNT:
            count = self._counter.value()
            remapped = self._registers.get(_CR1, 0) >> 11 & 1
            return count | (self._flags & 1) << 31 if remapped else count
        if offset == _SR:
            return self._flags
        if offset == _EGR:
            return 0
        if offset == _CR1:
            return self._registers.get(_CR1, 0) & ~_DIR | (_DIR if self._counter.down else 0)
        if offset == _DMAR:
            return self._registers.get(self._burst_register(), 0)
        channel = (offset - _CCR1) // 4
        if 0 <= channel < self._design.channels and self._is_input(channel):
            self._flags &= ~(2 << channel)
            self._drive()
        return self._registers.get(offset, 0)

    def peek(self, offset: int) -> int:
        """Return the value that a narrow write is merged into; SR's bits are cleared by zeros."""
        if offset == _SR:
            return 0xFFFF_FFFF
        return self._counter.value() if offset == _CNT else self._registers.get(offset, 0)

    def write(self, offset: int, value: int) -> None:
        """Write a register."""
        self._settle()
        if offset == _DMAR:
            offset = self._burst_register()
        if offset == _EGR:
            self._generate(value)
        elif offset == _CNT:
            self._counter.move(value)
        elif offset == _SR:
            self._flags &= value
        else:
            self._store(offset, value)
        self._drive()
        self.plan()

    def expire(self) -> None:
        """Handle the events that are due."""
        self._settle()
        self.plan()

    def plan(self) -> None:
        """Put the next event that has an effect on the agenda."""
        counter = self._counter
        ticks = list(self._captures.values())
        if counter.running:
            wanted = self._registers.get(_DIER, 0)
            one_pulse = self._registers.get(_CR1, 0) & _OPM
            flagged = self._flags & _UPDATE and not wanted & _UPDATE << _DMA_SHIFT
            interrupts = wanted & (_UPDATE | _UPDATE << _DMA_SHIFT) and not flagged
            if one_pulse or self.trigger.needs_update or (interrupts and not self._disabled):
                ticks.append(counter.end_tick())
            for channel in range(self._design.channels):
                flag = 2 << channel
                requested = wanted & flag << _DMA_SHIFT or self.trigger.needs_match(channel)
                if requested or (wanted & flag and not self._flags & flag):
                    tick = counter.tick_of(self._compares[channel])
                    ticks += [tick] if tick is not None and not self._is_input(channel) else []
        self._agenda.put(self.expire, min(ticks, default=None))

    def adjust(self) -> None:
        """Take over a new clock."""
        self._settle()
        self._apply()
        self._plan_captures()
        self.plan()

    @property
    def _disabled(self) -> bool:
        return bool(self._registers.get(_CR1, 0) & _UDIS)

    def _mode(self, channel: int) -> int:
        """Return the eight bits of the channel in CCMR1 or CCMR2."""
        register = _CCMR1 + 4 * (channel // 2)
        return self._registers.get(register, 0) >> 8 * (channel & 1) & 0xFF

    def _is_input(self, channel: int) -> bool:
        return bool(self._mode(channel) & 3)

    def _store(self, offset: int, value: int) -> None:
        top = (1 << self._design.bits) - 1
        channel = (offset - _CCR1) // 4
        if offset == _ARR or 0 <= channel < self._design.channels:
            value &= top
        self._registers[offset] = value
        if 0 <= channel < self._design.channels and not self._mode(channel) & _OCPE:
            self._compares[channel] = value
        elif offset == _CR2:
            self.trigger.select = value >> 4 & 7
        elif offset == _DCR:
            self._burst = 0
        elif offset in (_CR1, _SMCR, _ARR, _RCR):
            self._apply(with_reload=not self._registers.get(_CR1, 0) & _ARPE)
        if offset in (_CCER, _CCMR1, _CCMR2, _OR):
            self._plan_captures()

    def _apply(self, *, with_reload: bool = False) -> None:
        """Pass the settings to the counter."""
        control, slave = self._registers.get(_CR1, 0), self._registers.get(_SMCR, 0)
        self._counter.ticks = self._design.ticks()
        if with_reload:
            self._counter.reload = self._registers[_ARR]
        self._counter.set_direction(down=bool(control & _DIR), centred=bool(control >> 5 & 3))
        external = slave & 7 in _EXTERNAL_CLOCKS or slave & _ECE
        self._counter.run(bool(control & _CEN) and not external)

    def _settle(self) -> None:
        """Bring count, flags and interrupts up to date."""
        before = self._flags
        for channel in self._counter.settle(self._compares):
            mode = self._mode(channel)
            if not mode & 3:
                self._raise(2 << channel)
                self.trigger.matched(channel, mode >> 4 & 7)
        now = self._agenda.now()
        for channel, tick in list(self._captures.items()):
            if tick <= now:
                self._capture(channel, tick, now)
        if self._flags != before:
            self._drive()

    def _on_update(self, *, flagged: bool = True) -> None:
        """Take over the preloaded values; this is the update event."""
        if self._disabled:
            return
        self._counter.prescaler = self._registers.get(_PSC, 0) & 0xFFFF
        self._counter.reload = self._registers[_ARR]
        self._counter.repeat = self._registers.get(_RCR, 0) if self._design.repetition else 0
        self._compares[:] = (
            self._registers.get(_CCR1 + 4 * channel, 0) for channel in range(self._design.channels)
        )
        if flagged:
            self._raise(_UPDATE)
        if self._registers.get(_CR1, 0) & _OPM:
            self._registers[_CR1] &= ~_CEN
            self._counter.run(False)
        self.trigger.updated(self._mode(max(self.trigger.select - 4, 0)) >> 4 & 7)

    def _generate(self, value: int) -> None:
        """Do what EGR asks for."""
        if value & _UPDATE:
            one_pulse = self._registers.get(_CR1, 0) & _OPM
            self._registers[_CR1] = self._registers.get(_CR1, 0) & ~_OPM
            self._on_update(flagged=not self._registers[_CR1] & _URS)
            self._registers[_CR1] |= one_pulse
            self._counter.restart()
        for flag in (2, 4, 8, 16, _COM, _TRIGGER, _BREAK):
            if value & flag:
                self._raise(flag)

    def _raise(self, flag: int) -> None:
        self._flags |= flag
        request = self._lines.requests.get(flag)
        if request is not None and self._registers.get(_DIER, 0) & flag << _DMA_SHIFT:
            request.pulse((self._registers.get(_DCR, 0) >> 8 & 0x1F) + 1)

    def _drive(self) -> None:
        pending = self._flags & self._registers.get(_DIER, 0)
        for flags, line in self._lines.interrupts.items():
            line(bool(pending & flags))

    def _burst_register(self) -> int:
        """Return the register that DMAR now stands for, and go on to the next (RM0090, 18.3.17)."""
        control = self._registers.get(_DCR, 0)
        register = 4 * ((control & 0x1F) + self._burst)
        self._burst = (self._burst + 1) % ((control >> 8 & 0x1F) + 1)
        return register

    # Capture of internal clocks

    def _plan_captures(self) -> None:
        """Start or end the captures that CCER and the option register ask for."""
        self._captures = {
            channel: self._agenda.now() + self._capture_ticks(channel)
            for channel, hertz in self._design.captured(self._registers.get(_OR, 0)).items()
            if hertz and self._is_input(channel) and self._enabled(channel)
        }

    def _enabled(self, channel: int) -> bool:
        return bool(self._registers.get(_CCER, 0) >> 4 * channel & 1)

    def _capture_ticks(self, channel: int) -> int:
        edges = 1 << (self._mode(channel) >> 2 & 3)
        hertz = self._design.captured(self._registers.get(_OR, 0))[channel]
        return edges * self._design.core_hz() // hertz

    def _capture(self, channel: int, tick: int, now: int) -> None:
        period = self._capture_ticks(channel)
        tick += (now - tick) // period * period
        self._captures[channel] = tick + period
        self._registers[_CCR1 + 4 * channel] = self._counter.value_at(tick)
        if self._flags & 2 << channel:
            self._flags |= 2 << channel + _OVERCAPTURE_SHIFT
        self._raise(2 << channel)
