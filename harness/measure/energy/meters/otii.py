"""Qoitech's Otii Arc and Ace, through `otii-tcp-client`; the trigger is GPI1.

The server is the Otii app, or `otii_server`, with a licence for automation. It makes a recording,
whose samples are fetched at the end.
"""

import contextlib
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import InfrastructureError, InputError
from harness.measure.energy.meters.meter import Capture, Identity
from harness.measure.energy.meters.meter_stream import POWER_UP
from harness.support.numbers import whole_number

_TIMEOUT = 10  # seconds to reach the server, and for an answer
_CURRENT, _VOLTS, _TRIGGER = "mc", "mv", "i1"
_CHUNK = 40_000  # samples per request

Floats = npt.NDArray[np.float64]


class Otii:
    """The only device of the server at `address`, HOST:PORT or "", which supplies `volts`."""

    def __init__(self, address: str, volts: float) -> None:
        if not volts:
            raise InputError(
                "an Otii supplies the board", where="--meter=otii", remedy="add --volts=V"
            )
        try:
            from otii_tcp_client import otii_client  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise InfrastructureError(
                "its package is not installed",
                where="--meter=otii",
                remedy="pip install 'tinyml-harness[otii]'",
            ) from error
        host, _, port = address.partition(":")
        try:
            at = whole_number(1, 65535)(port) if port else otii_client.DEFAULT_PORT
        except ArgumentTypeError as error:
            raise InputError(f"port {error}", where=f"--meter=otii:{address}") from error
        self._client: Any = otii_client.OtiiClient()
        self._where = f"Otii server {host or otii_client.DEFAULT_HOST}"
        self._began = 0.0
        with contextlib.ExitStack() as unless_open:
            unless_open.callback(self.close)
            with self._translated_errors():
                server = self._client.connect(
                    host=host or otii_client.DEFAULT_HOST,
                    port=at,
                    try_for_seconds=_TIMEOUT,
                )
                self._open(server, volts)
            time.sleep(POWER_UP)
            unless_open.pop_all()

    def start(self) -> None:
        """Begin to measure."""
        with self._translated_errors():
            self._project.start_recording()
        self._began = time.perf_counter()

    def stop(self) -> Capture:
        """Stop, and return all samples since `start`."""
        with self._translated_errors():
            self._project.stop_recording()
            recording = self._project.get_last_recording()
            if recording is None:
                raise InfrastructureError("the meter recorded nothing", where=self._where)
            current, volts = self._analog(recording, _CURRENT), self._analog(recording, _VOLTS)
            levels = self._fetch(recording, _TRIGGER, 0, self._count(recording, _TRIGGER))
            recording.delete()
        return capture_of(current, volts, levels.get("values", []), self._began)

    def close(self) -> None:
        """Switch the supply off and disconnect; closing twice is not an error."""
        from otii_tcp_client.otii_connection import DisconnectedException  # noqa: PLC0415 - an extra

        if self._client.otii is not None:
            with contextlib.suppress(OSError, DisconnectedException):
                self._client.otii.set_all_main(False)
                self._client.disconnect()
            self._client.otii = None

    def _open(self, server: Any, volts: float) -> None:
        devices = server.get_devices()
        if len(devices) != 1:
            names = ", ".join(device.name for device in devices)
            raise InfrastructureError(
                f"needs exactly one Otii, {len(devices)} are connected{': ' * bool(names)}{names}",
                where=self._where,
            )
        self._device: Any = devices[0]
        self._project: Any = server.get_active_project() or server.create_project()
        self._device.add_to_project()
        self.identity = Identity(
            f"Qoitech Otii {self._device.type}",
            serial=self._device.id,
            firmware=self._device.get_version()["fw_version"],
            virtual=self._device.type == "Simulator",
        )
        self._device.set_main_voltage(volts)
        self._device.enable_exp_port(True)
        for channel in (_CURRENT, _VOLTS, _TRIGGER):
            self._device.enable_channel(channel, True)
        self._device.set_main(True)

    def _count(self, recording: Any, channel: str) -> int:
        return int(recording.get_channel_data_count(self._device.id, channel))

    def _analog(self, recording: Any, channel: str) -> tuple[float, Floats]:
        """Return the seconds between samples, and the samples."""
        count = self._count(recording, channel)
        if not count:
            raise InfrastructureError(f"channel {channel} has no samples", where=self._where)
        parts = [
            self._fetch(recording, channel, first, min(_CHUNK, count - first))
            for first in range(0, count, _CHUNK)
        ]
        return parts[0]["interval"], np.concatenate([part["values"] for part in parts])

    def _fetch(self, recording: Any, channel: str, index: int, count: int) -> dict[str, Any]:
        """Request samples; the package's own function for this waits without a deadline."""
        request = {
            "recording_id": recording.id,
            "device_id": self._device.id,
            "channel": channel,
            "index": index,
            "count": count,
        }
        answer = recording.connection.send_and_receive(
            {"type": "request", "cmd": "recording_get_channel_data", "data": request}, _TIMEOUT
        )
        if answer["type"] == "error":
            raise InfrastructureError(
                f"channel {channel} cannot be fetched: {answer['errorcode']}", where=self._where
            )
        data: dict[str, Any] = answer["data"]
        return data

    @contextlib.contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Turn the package's exceptions into an error that names the server."""
        from otii_tcp_client.otii_client import OtiiClientException  # noqa: PLC0415 - an extra
        from otii_tcp_client.otii_connection import DisconnectedException  # noqa: PLC0415 - an extra
        from otii_tcp_client.otii_exception import Otii_Exception  # noqa: PLC0415 - an extra

        try:
            yield
        except (OSError, ValueError, OtiiClientException, DisconnectedException) as error:
            raise self._error(str(error) or type(error).__name__) from error
        except Otii_Exception as error:
            raise self._error(str(error.message)) from error

    def _error(self, what: str) -> InfrastructureError:
        return InfrastructureError(
            what,
            where=self._where,
            remedy="is the Otii app or otii_server running, with its TCP server on, and are you "
            "logged in with a licence for automation?",
        )


def capture_of(
    current: tuple[float, Floats],
    volts: tuple[float, Floats],
    levels: list[dict[str, Any]],
    began: float,
) -> Capture:
    """Assemble a recording.

    `current` and `volts` are the seconds between samples, and the samples. `levels` are the edges
    of the trigger: seconds since the start, and the level from then on.
    """
    interval, amperes = current
    moments = np.arange(len(amperes)) * interval
    edges = np.array([edge["timestamp"] for edge in levels], np.float64)
    values = np.array([False, *(bool(edge["value"]) for edge in levels)])
    return Capture(
        hz=1 / interval,
        current=np.asarray(amperes, np.float64),
        volts=np.interp(moments, np.arange(len(volts[1])) * volts[0], volts[1]),
        trigger=values[np.searchsorted(edges, moments, side="right")],
        began=began,
    )
