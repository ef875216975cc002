"""What the ADCs of the STM32F4 measure inside the chip."""

import pytest

from harness.simulator.clock import Clock
from harness.simulator.peripherals.agenda import Agenda
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.stm32f4_adc import F4Adcs

CR2, SQR3, DR, CCR = 0x08, 0x34, 0x4C, 0x304
TSVREFE, VBATE = 1 << 23, 1 << 22


@pytest.mark.parametrize(
    ("channel", "enabled", "result"),
    [(0, 0, 2048), (17, TSVREFE, 1502), (18, TSVREFE, 943), (18, TSVREFE | VBATE, 1024)],
    ids=["a pin", "the reference", "the temperature", "a fourth of VBAT"],
)
def test_a_channel(channel: int, enabled: int, result: int) -> None:
    ticks = 0
    agenda = Agenda(Clock(16_000_000, lambda: ticks), lambda: None)
    adcs = F4Adcs(agenda, lambda _level: None, [DmaRequest() for _ in range(3)], {})
    for offset, value in ((CCR, enabled), (SQR3, channel), (CR2, 1), (CR2, 1 | 1 << 30)):
        adcs.write(offset, value)
    ticks = 500
    agenda.expire()
    assert adcs.read(DR) == result
