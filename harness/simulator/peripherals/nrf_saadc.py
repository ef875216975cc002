"""SAADC of the nRF52840 (PS 1.7, 6.23) without a signal: every conversion ends with 0, at once."""

from collections.abc import Callable, Mapping

from harness.simulator.bus import Bus
from harness.simulator.peripherals import nrf_dma
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.nrf import NrfPeripheral

_START, _SAMPLE, _STOP, _CALIBRATE = 0x000, 0x004, 0x008, 0x00C
_STARTED, _END, _DONE, _RESULTDONE, _CALIBRATED, _STOPPED = range(0x100, 0x118, 4)
_LIMITH, _LIMITL = 0x118, 0x11C  # of channel 0
_ENABLE, _PSELP, _CONFIG, _LIMIT = 0x500, 0x510, 0x518, 0x51C  # the latter three: of channel 0
_OVERSAMPLE, _SAMPLERATE = 0x5F4, 0x5F8
_PTR, _MAXCNT, _AMOUNT = 0x62C, 0x630, 0x634
_CHANNELS, _CHANNEL_SIZE = 8, 0x10
_SAMPLE_SIZE, _MOST_SAMPLES = 2, 0x7FFF
_BURST, _BY_TIMER, _RATE = 1 << 24, 1 << 12, 0x7FF
_HERTZ = 16_000_000
_RESET_CONFIG, _NO_LIMITS = 0x0002_0000, 0x7FFF_8000


class NrfSaadc(NrfPeripheral):
    """The converter; EasyDMA writes to `bus`."""

    initial: Mapping[int, int] = {
        **{_CONFIG + _CHANNEL_SIZE * n: _RESET_CONFIG for n in range(_CHANNELS)},
        **{_LIMIT + _CHANNEL_SIZE * n: _NO_LIMITS for n in range(_CHANNELS)},
    }

    def __init__(self, line: Callable[[bool], None], bus: Bus, agenda: Agenda, hertz: int) -> None:
        self._bus = bus
        self._agenda = agenda
        self._hertz = hertz
        super().__init__(line)

    def reset(self) -> None:
        """Disable it."""
        super().reset()
        self._address = self._size = 0  # the buffer: address and samples
        self._samples = 0  # SAMPLE tasks of the current result
        self._sampling = False  # by the timer
        self._agenda.put(self._sample_by_timer, None)

    def _task(self, offset: int) -> None:
        if not self._registers.get(_ENABLE, 0) & 1:
            return
        if offset == _START:
            self._address = self._registers.get(_PTR, 0)
            self._size = self._registers.get(_MAXCNT, 0) & _MOST_SAMPLES
            self._registers[_AMOUNT] = 0
            self._event(_STARTED)
            if self._sampling:
                self._wait_for_timer()
        elif offset == _SAMPLE:
            self._sampling = bool(self._registers.get(_SAMPLERATE, 0) & _BY_TIMER)
            self._sample()
            self._wait_for_timer()
        elif offset == _STOP:
            self._size = 0
            self._sampling = False
            self._agenda.put(self._sample_by_timer, None)
            self._event(_STOPPED)
        elif offset == _CALIBRATE:
            self._event(_CALIBRATED)

    def _sample(self) -> None:
        """Convert all channels that have a pin."""
        channels = [n for n in range(_CHANNELS) if self._channel(n, _PSELP)]
        for channel in channels:
            self._event(_DONE)
            self._samples += 1
            is_burst = self._channel(channel, _CONFIG) & _BURST
            oversample = self._registers.get(_OVERSAMPLE, 0) & 0xF
            if is_burst or self._samples >> oversample:
                self._samples = 0
                self._store(channel)

    def _store(self, channel: int) -> None:
        """Store a result of zero."""
        self._event(_RESULTDONE)
        low, high = (_signed(self._channel(channel, _LIMIT) >> shift) for shift in (0, 16))
        if high < 0:
            self._event(_LIMITH + 8 * channel)
        if low > 0:
            self._event(_LIMITL + 8 * channel)
        amount = self._registers.get(_AMOUNT, 0)
        if amount < self._size:
            nrf_dma.store(self._bus, self._address + _SAMPLE_SIZE * amount, bytes(_SAMPLE_SIZE))
            self._registers[_AMOUNT] = amount + 1
            if amount + 1 == self._size:
                self._event(_END)

    def _wait_for_timer(self) -> None:
        """Sample again at SAMPLERATE, if it is on and the buffer has room."""
        if self._sampling and self._registers.get(_AMOUNT, 0) < self._size:
            rate = self._registers.get(_SAMPLERATE, 0) & _RATE
            ticks = max(rate, 1) * self._hertz // _HERTZ
            self._agenda.put(self._sample_by_timer, self._agenda.now() + ticks)

    def _sample_by_timer(self) -> None:
        self._sample()
        self._wait_for_timer()

    def _channel(self, channel: int, register: int) -> int:
        return self._registers.get(register + _CHANNEL_SIZE * channel, 0)


def _signed(value: int) -> int:
    value &= 0xFFFF
    return value - 0x1_0000 if value & 0x8000 else value
