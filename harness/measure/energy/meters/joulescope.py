"""Jetperch's Joulescopes, through `pyjoulescope_driver`; the trigger is general-purpose input 0.

They measure current and voltage in the supply line and do not supply the board.
"""

import contextlib
import threading
import time
from typing import Any

import numpy as np

from harness.errors import InfrastructureError, InputError
from harness.measure.energy.meters.meter import Capture, Identity
from harness.measure.energy.meters.meter_stream import MAX_SILENCE

HZ = 1_000_000

_TIMEOUT = 2.0  # seconds for an answer from the driver
_SIGNALS = ("s/i", "s/v", "s/gpi/0")


class Joulescope:
    """The Joulescope with the serial number `address`, or the only one; `volts` must be 0."""

    def __init__(self, address: str, volts: float) -> None:
        if volts:
            raise InputError(
                "a Joulescope does not supply the board: it measures the voltage",
                where=f"--volts={volts}",
                remedy="remove --volts",
            )
        try:
            from pyjoulescope_driver import Driver  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise InfrastructureError(
                "its package is not installed",
                where="--meter=joulescope",
                remedy="pip install 'tinyml-harness[joulescope]'",
            ) from error
        self._lock = threading.Lock()
        self._parts: dict[str, list[tuple[int, Any]]] = {}
        self._last = 0.0
        self._began = 0.0
        self._driver: Any = Driver()
        with contextlib.ExitStack() as unless_open:
            unless_open.callback(self.close)
            try:
                self._path = _pick(self._driver.device_paths(), address)
                self._driver.open(self._path, mode="defaults", timeout=_TIMEOUT)
                _, model, number = self._path.split("/")
                version = self._driver.query(f"{self._path}/c/fw/version", timeout=_TIMEOUT)
                self.identity = Identity(f"Joulescope {model.upper()}", number, _version(version))
                self._driver.publish(f"{self._path}/s/i/range/mode", "auto", timeout=_TIMEOUT)
            except (RuntimeError, TimeoutError, OSError) as error:
                raise self._failed(error) from error
            unless_open.pop_all()

    def start(self) -> None:
        """Begin to measure."""
        self._parts = {signal: [] for signal in _SIGNALS}
        self._began = self._last = time.perf_counter()
        try:
            for signal in _SIGNALS:
                self._driver.subscribe(f"{self._path}/{signal}/!data", ["pub"], self._on_data)
                self._driver.publish(f"{self._path}/{signal}/ctrl", 1, timeout=_TIMEOUT)
        except (RuntimeError, TimeoutError) as error:
            raise self._failed(error) from error

    def stop(self) -> Capture:
        """Stop, and return all samples since `start`."""
        silent = time.perf_counter() - self._last
        try:
            for signal in _SIGNALS:
                self._driver.publish(f"{self._path}/{signal}/ctrl", 0, timeout=_TIMEOUT)
                self._driver.unsubscribe(f"{self._path}/{signal}/!data", self._on_data)
        except (RuntimeError, TimeoutError) as error:
            raise self._failed(error) from error
        if silent > MAX_SILENCE:
            raise InfrastructureError(
                f"the meter stopped unexpectedly {silent:.1f} s ago", where=self._path
            )
        with self._lock:
            return capture_of(self._parts, self._began)

    def close(self) -> None:
        """Close the device and the driver."""
        if self._driver is not None:
            with contextlib.suppress(RuntimeError, TimeoutError):
                self._driver.finalize()
            self._driver = None

    def _on_data(self, topic: str, value: Any) -> None:
        """Store a part of a signal; the driver's thread calls this."""
        signal = topic.removeprefix(f"{self._path}/").removesuffix("/!data")
        with self._lock:
            self._last = time.perf_counter()
            index = value["sample_id"] // value["decimate_factor"]
            hz = value["sample_rate"] // value["decimate_factor"]
            self._parts[signal].append((index * HZ // hz, _unpacked(value["data"], HZ // hz)))

    def _failed(self, error: Exception) -> InfrastructureError:
        return InfrastructureError(
            f"the Joulescope's driver failed: {error}",
            where="--meter=joulescope",
            remedy="unplug it and plug it in again",
        )


def capture_of(parts: dict[str, list[tuple[int, Any]]], began: float) -> Capture:
    """Assemble the parts of each signal; each part has the index of its first sample.

    A JS220 sends current and voltage as float32 and an input as bits, all at 1 MHz.
    """
    first = min((index for index, _ in parts["s/i"]), default=0)
    size = max((index + len(values) for index, values in parts["s/i"]), default=0) - first
    if size <= 0:
        raise InfrastructureError("the Joulescope sent no sample", where="--meter=joulescope")
    signals = {signal: np.full(size, np.nan) for signal in _SIGNALS}
    for signal, samples in signals.items():
        for index, values in parts[signal]:
            begin, end = max(index - first, 0), min(index - first + len(values), size)
            if begin < end:
                samples[begin:end] = values[begin - index + first : end - index + first]
    current, volts, level = (signals[signal] for signal in _SIGNALS)
    return Capture(
        hz=HZ,
        current=current,
        volts=_filled_forward(volts),
        trigger=_filled_forward(level) > 0.5,  # noqa: PLR2004
        began=began,
        missing=int(np.isnan(current).sum()),
    )


def _filled_forward(values: Any) -> Any:
    """Return `values` with missing ones replaced by the last known value."""
    known = ~np.isnan(values)
    if not known.any():
        raise InfrastructureError(
            "the Joulescope did not send all signals", where="--meter=joulescope"
        )
    indices = np.maximum.accumulate(np.where(known, np.arange(len(values)), np.argmax(known)))
    return values[indices]


def _unpacked(data: Any, repeat: int) -> Any:
    """Return samples at 1 MHz; the bits of an input are unpacked, lowest first."""
    values = np.unpackbits(data, bitorder="little") if data.dtype == np.uint8 else data
    return np.repeat(values, repeat) if repeat > 1 else values


def _pick(paths: list[str], number: str) -> str:
    matching = [path for path in paths if not number or path.endswith(f"/{number}")]
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(path.split("/")[-1] for path in paths)
    raise InfrastructureError(
        f"not exactly one Joulescope matches; connected: {names}"
        if paths
        else "no Joulescope is connected",
        where="--meter=joulescope",
        remedy="name one by its serial number: --meter=joulescope:NUMBER"
        if paths
        else "connect it",
    )


def _version(value: int) -> str:
    return f"{value >> 24}.{value >> 16 & 0xFF}.{value & 0xFFFF}"
