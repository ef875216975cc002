"""Which DMA request goes where: RM0090 rev 19, tables 42 and 43; RM0351 rev 9, tables 44 and 45.

A request is written as in the manual; two at one place have a slash between them.
"""

from collections.abc import Mapping

from harness.simulator.bus import Device
from harness.simulator.chips.stm32_wiring import Block, Wiring
from harness.simulator.peripherals.dma_request import DmaRequest
from harness.simulator.peripherals.stm32_dma2d import Dma2d
from harness.simulator.peripherals.stm32_dma_channels import DmaChannels
from harness.simulator.peripherals.stm32_dma_streams import DmaStreams

_F4 = {  # one line for each channel, its columns are the streams 0 to 7
    "DMA1": (
        "SPI3_RX - SPI3_RX SPI2_RX SPI2_TX SPI3_TX - SPI3_TX",
        "I2C1_RX - TIM7_UP - TIM7_UP I2C1_RX I2C1_TX I2C1_TX",
        "TIM4_CH1 - I2S3_EXT_RX TIM4_CH2 I2S2_EXT_TX I2S3_EXT_TX TIM4_UP TIM4_CH3",
        "I2S3_EXT_RX TIM2_UP/TIM2_CH3 I2C3_RX I2S2_EXT_RX I2C3_TX TIM2_CH1 TIM2_CH2/TIM2_CH4 "
        "TIM2_UP/TIM2_CH4",
        "UART5_RX USART3_RX UART4_RX USART3_TX UART4_TX USART2_RX USART2_TX UART5_TX",
        "UART8_TX UART7_TX TIM3_CH4/TIM3_UP UART7_RX TIM3_CH1/TIM3_TRIG TIM3_CH2 UART8_RX TIM3_CH3",
        "TIM5_CH3/TIM5_UP TIM5_CH4/TIM5_TRIG TIM5_CH1 TIM5_CH4/TIM5_TRIG TIM5_CH2 - TIM5_UP -",
        "- TIM6_UP I2C2_RX I2C2_RX USART3_TX DAC1 DAC2 I2C2_TX",
    ),
    "DMA2": (
        "ADC1 SAI1_A TIM8_CH1/TIM8_CH2/TIM8_CH3 SAI1_A ADC1 SAI1_B TIM1_CH1/TIM1_CH2/TIM1_CH3 -",
        "- DCMI ADC2 ADC2 SAI1_B SPI6_TX SPI6_RX DCMI",
        "ADC3 ADC3 - SPI5_RX SPI5_TX CRYP_OUT CRYP_IN HASH_IN",
        "SPI1_RX - SPI1_RX SPI1_TX - SPI1_TX - -",
        "SPI4_RX SPI4_TX USART1_RX SDIO - USART1_RX SDIO USART1_TX",
        "- USART6_RX USART6_RX SPI4_RX SPI4_TX - USART6_TX USART6_TX",
        "TIM1_TRIG TIM1_CH1 TIM1_CH2 TIM1_CH1 TIM1_CH4/TIM1_TRIG/TIM1_COM TIM1_UP TIM1_CH3 -",
        "- TIM8_UP TIM8_CH1 TIM8_CH2 TIM8_CH3 SPI5_RX SPI5_TX TIM8_CH4/TIM8_TRIG/TIM8_COM",
    ),
}
_L4 = {  # one line for each value in CSELR, its columns are the channels 1 to 7
    "DMA1": (
        "ADC1 ADC2 ADC3 DFSDM0 DFSDM1 DFSDM2 DFSDM3",
        "- SPI1_RX SPI1_TX SPI2_RX SPI2_TX SAI2_A SAI2_B",
        "- USART3_TX USART3_RX USART1_TX USART1_RX USART2_RX USART2_TX",
        "- I2C3_TX I2C3_RX I2C2_TX I2C2_RX I2C1_TX I2C1_RX",
        "TIM2_CH3 TIM2_UP TIM16_CH1/TIM16_UP - TIM2_CH1 TIM16_CH1/TIM16_UP TIM2_CH2/TIM2_CH4",
        "TIM17_CH1/TIM17_UP TIM3_CH3 TIM3_CH4/TIM3_UP TIM7_UP/DAC2 QUADSPI TIM3_CH1/TIM3_TRIG "
        "TIM17_CH1/TIM17_UP",
        "TIM4_CH1 - TIM6_UP/DAC1 TIM4_CH2 TIM4_CH3 - TIM4_UP",
        "- TIM1_CH1 TIM1_CH2 TIM1_CH4/TIM1_TRIG/TIM1_COM "
        "TIM15_CH1/TIM15_UP/TIM15_TRIG/TIM15_COM TIM1_UP TIM1_CH3",
    ),
    "DMA2": (
        "- - ADC1 ADC2 ADC3 - -",
        "SAI1_A SAI1_B SAI2_A SAI2_B - SAI1_A SAI1_B",
        "UART5_TX UART5_RX UART4_TX - UART4_RX USART1_TX USART1_RX",
        "SPI3_RX SPI3_TX - TIM6_UP/DAC1 TIM7_UP/DAC2 - QUADSPI",
        "SWPMI1_RX SWPMI1_TX SPI1_RX SPI1_TX DCMI LPUART1_TX LPUART1_RX",
        "TIM5_CH4/TIM5_TRIG TIM5_CH3/TIM5_UP - TIM5_CH2 TIM5_CH1 I2C1_RX I2C1_TX",
        "AES_IN AES_OUT AES_OUT - AES_IN - -",
        "TIM8_CH3/TIM8_UP TIM8_CH4/TIM8_TRIG/TIM8_COM - SDMMC1 SDMMC1 TIM8_CH1 TIM8_CH2",
    ),
}
_COUPLED = range(0x1000_0000, 0x1001_0000)  # only the core reaches it: RM0090, 2.3.1


def streams(wiring: Wiring, block: Block) -> Device:
    """Make a DMA controller of the STM32F4."""
    return DmaStreams(
        wiring.core.bus,
        wiring.agenda,
        _COUPLED,
        [wiring.line(line) for line in block.lines],
        {
            (stream, channel): requests
            for (channel, stream), requests in _routes(wiring, _F4[block.name]).items()
        },
    )


def rectangles(wiring: Wiring, block: Block) -> Device:
    """Make DMA2D."""
    line = wiring.line(block.lines[0])
    return Dma2d(wiring.core.bus, wiring.agenda, _COUPLED, line)


def channels(wiring: Wiring, block: Block) -> Device:
    """Make a DMA controller of the STM32L4."""
    return DmaChannels(
        wiring.core.bus,
        wiring.agenda,
        [wiring.line(line) for line in block.lines],
        {
            (column + 1, selection): requests
            for (selection, column), requests in _routes(wiring, _L4[block.name]).items()
        },
    )


def _routes(wiring: Wiring, table: tuple[str, ...]) -> Mapping[tuple[int, int], list[DmaRequest]]:
    """Return the requests by line and column of `table`."""
    return {
        (row, column): [wiring.requests[name] for name in names.split("/")]
        for row, line in enumerate(table)
        for column, names in enumerate(line.split())
        if names != "-"
    }
