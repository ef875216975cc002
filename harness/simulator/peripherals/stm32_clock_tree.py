"""The clocks of an STM32, from the registers of its RCC.

RM0090 rev 19, 6.2 and 6.3 (STM32F42x, F43x); RM0351 rev 9, 6.2 and 6.4 (STM32L4x5, L4x6).
"""

from collections.abc import Callable
from dataclasses import dataclass

HSE_HZ = 8_000_000
"""The clock that the ST-LINK of a NUCLEO-144 supplies."""
HSI_HZ = 16_000_000
LSE_HZ, LSI_HZ = 32_768, 32_000

MSI_HZ = (
    *(100_000, 200_000, 400_000, 800_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000),
    *(16_000_000, 24_000_000, 32_000_000, 48_000_000),
)
_AHB_SHIFTS = (1, 2, 3, 4, 6, 7, 8, 9)  # for HPRE from 8 on
_MSI_DEFAULT = 6  # the range after reset, 4 MHz


@dataclass(frozen=True)
class Layout:
    """Where a family keeps its clock settings; `core` computes SYSCLK, in Hz."""

    core: Callable[[Callable[[int], int]], int]
    apb1: int
    apb2: int
    """The places of PPRE1 and PPRE2 in CFGR."""
    control_backup: int
    """The offset of BDCR; that of CSR is four more."""
    divides_hse: bool
    """Whether RTCPRE in CFGR divides HSE for the RTC; otherwise HSE / 32."""


CCIPR = 0x88
"""The clocks of the STM32L4's peripherals."""
_PLLON = 1 << 24
_CR, _F4_PLLCFGR, _CFGR, _L4_PLLCFGR, _L4_CSR = 0x00, 0x04, 0x08, 0x0C, 0x94


def _f4_core(register: Callable[[int], int]) -> int:
    """Return SYSCLK of an STM32F42x: RM0090, 6.3.1 to 6.3.3; a PLL that is off is not selected."""
    source = register(_CFGR) & 3
    if source == 2 and not register(_CR) & _PLLON:  # noqa: PLR2004 - PLL
        return HSI_HZ
    if source < 2:  # noqa: PLR2004 - HSI, HSE
        return (HSI_HZ, HSE_HZ)[source]
    pll = register(_F4_PLLCFGR)
    reference = HSE_HZ if pll >> 22 & 1 else HSI_HZ
    divisor = max(pll & 0x3F, 1) * (2 * (pll >> 16 & 3) + 2)
    return reference * (pll >> 6 & 0x1FF) // divisor


def _l4_core(register: Callable[[int], int]) -> int:
    """Return SYSCLK of an STM32L4: RM0351, 6.4.1, 6.4.3 and 6.4.4; as above with its PLL."""
    control = register(_CR)
    selected = control >> 4 if control & 1 << 3 else register(_L4_CSR) >> 8
    msi = MSI_HZ[min(selected & 0xF, len(MSI_HZ) - 1)]
    source = register(_CFGR) & 3
    if source == 3 and not control & _PLLON:  # noqa: PLR2004 - PLL
        return msi
    if source < 3:  # noqa: PLR2004 - MSI, HSI, HSE
        return (msi, HSI_HZ, HSE_HZ)[source]
    pll = register(_L4_PLLCFGR)
    reference = (0, msi, HSI_HZ, HSE_HZ)[pll & 3]
    divisor = ((pll >> 4 & 7) + 1) * (2 * (pll >> 25 & 3) + 2)
    return reference * (pll >> 8 & 0x7F) // divisor


F4 = Layout(_f4_core, 10, 13, 0x70, divides_hse=True)
L4 = Layout(_l4_core, 8, 11, 0x90, divides_hse=False)


class ClockTree:
    """Computes clocks from the registers that `register` returns."""

    def __init__(self, layout: Layout, register: Callable[[int], int]) -> None:
        self._layout = layout
        self._register = register

    def core_hz(self) -> int:
        """Return HCLK in Hz."""
        prescaler = self._register(_CFGR) >> 4 & 0xF
        shift = _AHB_SHIFTS[prescaler - 8] if prescaler & 8 else 0
        return max(self._layout.core(self._register) >> shift, 1)

    def bus_ticks(self, bus: int) -> int:
        """Return the ticks of HCLK in one of PCLK1 or PCLK2."""
        at = self._layout.apb1 if bus == 1 else self._layout.apb2
        prescaler = self._register(_CFGR) >> at & 7
        return 1 << (prescaler & 3) + 1 if prescaler & 4 else 1

    def timer_ticks(self, bus: int) -> int:
        """Return the ticks of HCLK in one of the timers: twice PCLK if that is divided."""
        return max(self.bus_ticks(bus) // 2, 1)

    def low_power_timer_hz(self, number: int) -> int:
        """Return the clock of an LPTIM in Hz, by CCIPR; 0 if its oscillator is off."""
        source = self._register(CCIPR) >> 16 + 2 * number & 3
        if source == 0:
            return self.core_hz() // self.bus_ticks(1)
        places = ((_L4_CSR, 0), (_CR, 8), (self._layout.control_backup, 0))
        offset, place = places[source - 1]
        on = self._register(offset) >> place & 1
        return (LSI_HZ, HSI_HZ, LSE_HZ)[source - 1] if on else 0

    def rtc_hz(self) -> int:
        """Return RTCCLK in Hz; 0 if the RTC is off or has no clock."""
        backup = self._register(self._layout.control_backup)
        if not backup & 1 << 15:
            return 0
        source = backup >> 8 & 3
        if source == 3:  # noqa: PLR2004 - HSE
            divisor = self._register(_CFGR) >> 16 & 0x1F if self._layout.divides_hse else 32
            return HSE_HZ // divisor if divisor > 1 else 0
        on = self._register(self._layout.control_backup + 4 * (source == 2)) & 1  # noqa: PLR2004
        return (0, LSE_HZ, LSI_HZ)[source] if on else 0
