"""What a virtual board tells beside its debug probe: the text over SWO, and which UARTs send."""

from typing import Any, NamedTuple

from harness.simulator.pyocd_probe import VirtualProbe


class OtherUart(NamedTuple):
    """The firmware sends on the UARTs `sends`; the serial port is connected to `port`, silent."""

    sends: list[str]
    port: str

    def __str__(self) -> str:
        return f"the firmware sends on {' and '.join(self.sends)}; the serial port is {self.port}"


class VirtualSide:
    """What the virtual board behind `probe` has told since now; a real board tells nothing."""

    def __init__(self, probe: Any) -> None:
        self._board = probe.running_board if isinstance(probe, VirtualProbe) else None
        self.swo_lines()  # of earlier programs
        self._before = self._board.status() if self._board else {}

    def swo_lines(self) -> list[str]:
        """Return the lines of text that have come over SWO since the last call."""
        return self._board.swo_lines() if self._board else []

    def other_uart(self) -> OtherUart | None:
        """Return the UART on which the firmware sends, if that is not the one on the port."""
        if self._board is None:
            return None
        before, now = self._before, self._board.status()
        if now["sent"] > before["sent"]:
            return None
        heard = before["unheard"]
        sends = [name for name, sent in now["unheard"].items() if sent > heard.get(name, 0)]
        return OtherUart(sends, now["uart"]) if sends else None
