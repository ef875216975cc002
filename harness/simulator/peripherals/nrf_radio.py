"""RADIO of the nRF52840 (PS 1.7, 6.20) without an air: what it sends goes nowhere, nothing comes.

A packet is sent at once. The receiver waits for ever, each channel is clear.
"""

from collections.abc import Mapping

from harness.simulator.peripherals.nrf import NrfPeripheral

_TXEN, _RXEN, _START, _STOP, _DISABLE, _RSSISTART = 0x000, 0x004, 0x008, 0x00C, 0x010, 0x014
_EDSTART, _EDSTOP, _CCASTART, _CCASTOP = 0x024, 0x028, 0x02C, 0x030
_READY, _ADDRESS, _PAYLOAD, _END, _DISABLED, _RSSIEND = 0x100, 0x104, 0x108, 0x10C, 0x110, 0x11C
_EDEND, _EDSTOPPED, _CCAIDLE, _CCASTOPPED = 0x13C, 0x140, 0x144, 0x14C
_TXREADY, _RXREADY, _PHYEND = 0x154, 0x158, 0x16C
_RSSISAMPLE, _STATE = 0x548, 0x550
_OFF, _RX_IDLE, _RX, _TX_IDLE = 0, 2, 3, 10  # STATE
_ENDS = {
    _RSSISTART: _RSSIEND,
    _EDSTART: _EDEND,
    _EDSTOP: _EDSTOPPED,
    _CCASTART: _CCAIDLE,
    _CCASTOP: _CCASTOPPED,
}


class NrfRadio(NrfPeripheral):
    """The transceiver."""

    initial: Mapping[int, int] = {_RSSISAMPLE: 127}  # -127 dBm

    shorts: Mapping[int, tuple[int, int]] = {
        0: (_READY, _START),
        1: (_END, _DISABLE),
        2: (_DISABLED, _TXEN),
        3: (_DISABLED, _RXEN),
        4: (_ADDRESS, _RSSISTART),
        5: (_END, _START),
        11: (_RXREADY, _CCASTART),
        12: (_CCAIDLE, _TXEN),
        15: (_READY, _EDSTART),
        16: (_EDEND, _DISABLE),
        17: (_CCAIDLE, _STOP),
        18: (_TXREADY, _START),
        19: (_RXREADY, _START),
        20: (_PHYEND, _DISABLE),
        21: (_PHYEND, _START),
    }

    def _task(self, offset: int) -> None:
        if offset in _ENDS:
            self._event(_ENDS[offset])
        elif offset in (_TXEN, _RXEN):
            self._registers[_STATE] = _TX_IDLE if offset == _TXEN else _RX_IDLE
            self._event(_READY)
            self._event(_TXREADY if offset == _TXEN else _RXREADY)
        elif offset == _DISABLE:
            self._registers[_STATE] = _OFF
            self._event(_DISABLED)
        elif offset == _STOP and self._registers.get(_STATE) == _RX:
            self._registers[_STATE] = _RX_IDLE
        elif offset == _START:
            self._start()

    def _start(self) -> None:
        state = self._registers.get(_STATE, _OFF)
        if state == _RX_IDLE:
            self._registers[_STATE] = _RX
        elif state == _TX_IDLE:
            for event in (_ADDRESS, _PAYLOAD, _END, _PHYEND):
                self._event(event)
