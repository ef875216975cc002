"""Asks a virtual board that runs, in this process or another one."""

from typing import Any

from harness.errors import InfrastructureError, InputError
from harness.simulator.board_client import BoardBusyError, BoardGoneError, Control
from harness.simulator.runtime_folder import Announcement
from harness.simulator.socket_protocol import Request


class RunningBoard:
    """The board that `announcement` describes.

    Its methods do not use the debug probe, and work beside a debugger's session. They raise
    `InfrastructureError` if the board does not answer.
    """

    def __init__(self, announcement: Announcement) -> None:
        self._announcement = announcement

    @property
    def probe_id(self) -> str:
        """The unique ID of its probe, for pyOCD."""
        return self._announcement.probe_id

    @property
    def port(self) -> str:
        """The path of its serial port; empty if the chip has no UART."""
        return self._announcement.port

    @property
    def meter(self) -> str:
        """The path of the serial port of the meter in its supply; empty without a meter."""
        return self._announcement.meter

    @property
    def chip(self) -> str:
        """PyOCD's name of its chip."""
        return self._announcement.chip

    def set_fault(self, fault: str) -> None:
        """Switch on a fault in the form of `--fault`; "none" ends no-power and probe-busy."""
        self._request(Request("fault", fault))

    def status(self) -> dict[str, Any]:
        """Return the state: instructions, halted, sleeping, lockup, and failure, "" without one.

        `uart` is the UART on the serial port, `sent` how many bytes it has sent, and `unheard` how
        many each of the others has, by its name.
        """
        result: dict[str, Any] = self._request(Request("status"))
        return result

    def edges(self) -> list[tuple[str, bool, int]]:
        """Return the edges of output pins: pin, level, and the instruction count."""
        return [tuple(edge) for edge in self._request(Request("edges"))]

    def swo_lines(self) -> list[str]:
        """Return the lines of text that the firmware has sent over SWO since the last call.

        The board keeps the last 1,000 of them.
        """
        result: list[str] = self._request(Request("swo"))
        return result

    def joules(self) -> list[float]:
        """Return the exact energy of each inference in J, which the meter should measure."""
        result: list[float] = self._request(Request("joules"))
        return result

    def _request(self, request: Request) -> Any:
        try:
            control = Control(self._announcement)
            try:
                return control.ask(request)
            finally:
                control.close()
        except (BoardGoneError, BoardBusyError) as error:
            raise InfrastructureError(str(error), where=f"virtual board {self.probe_id}") from error
        except ValueError as error:
            raise InputError(str(error)) from error
