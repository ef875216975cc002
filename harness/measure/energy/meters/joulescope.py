"""Jetperch's Joulescopes, through `pyjoulescope_driver`; the trigger is general-purpose input 0.

They measure current and voltage in the supply's line and supply nothing themselves.
"""

import contextlib
import threading
import time
from typing import Any

import numpy as np

from harness.errors import InfrastructureError, InputError
from harness.measure.energy.meters.meter import Capture, Identity
from harness.measure.energy.meters.meter_stream import SILENT

HZ = 1_000_000

_TIMEOUT = 2.0  # seconds for an answer of the driver
_SIGNALS = ("s/i", "s/v", "s/gpi/0")


class Joulescope:
    """The one with the serial number `place`, or the only one; `volts` must be 0."""

    def __init__(self, place: str, volts: float) -> None:
        if volts:
            raise InputError(
                "a Joulescope supplies nothing: it measures the voltage", where=f"--volts={volts}"
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
                self._path = _pick(self._driver.device_paths(), place)
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
        if silent > SILENT:
            raise InfrastructureError(
                f"the meter stopped by itself {silent:.1f} s ago", where=self._path
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
        """Keep a part of a signal; called in the driver's thread."""
        signal = topic.removeprefix(f"{self._path}/").removesuffix("/!data")
        with self._lock:
            self._last = time.perf_counter()
            place = value["sample_id"] // value["decimate_factor"]
            hz = value["sample_rate"] // value["decimate_factor"]
            self._parts[signal].append((place * HZ // hz, _unpacked(value["data"], HZ // hz)))

    def _failed(self, error: Exception) -> InfrastructureError:
        return InfrastructureError(
            f"the Joulescope's driver says: {error}",
            where="--meter=joulescope",
            remedy="plug it in anew",
        )


def capture_of(parts: dict[str, list[tuple[int, Any]]], began: float) -> Capture:
    """Put together the parts of each signal, by the number of their first sample.

    A JS220 gives current and voltage as float32 and an input in bits, all at 1 MHz.
    """
    first = min((place for place, _ in parts["s/i"]), default=0)
    size = max((place + len(values) for place, values in parts["s/i"]), default=0) - first
    if size <= 0:
        raise InfrastructureError("the Joulescope sent no sample", where="--meter=joulescope")
    whole = {signal: np.full(size, np.nan) for signal in _SIGNALS}
    for signal, target in whole.items():
        for place, values in parts[signal]:
            begin, end = max(place - first, 0), min(place - first + len(values), size)
            if begin < end:
                target[begin:end] = values[begin - place + first : end - place + first]
    current, volts, level = (whole[signal] for signal in _SIGNALS)
    return Capture(
        hz=HZ,
        current=current,
        volts=_known(volts),
        trigger=_known(level) > 0.5,  # noqa: PLR2004
        began=began,
        missing=int(np.isnan(current).sum()),
    )


def _known(values: Any) -> Any:
    """Return `values` with the last known one where one is missing."""
    known = ~np.isnan(values)
    if not known.any():
        raise InfrastructureError("the Joulescope left out a signal", where="--meter=joulescope")
    places = np.maximum.accumulate(np.where(known, np.arange(len(values)), np.argmax(known)))
    return values[places]


def _unpacked(data: Any, repeat: int) -> Any:
    """Return samples as they are, or the bits of an input, lowest first, at 1 MHz."""
    values = np.unpackbits(data, bitorder="little") if data.dtype == np.uint8 else data
    return np.repeat(values, repeat) if repeat > 1 else values


def _pick(paths: list[str], number: str) -> str:
    fit = [path for path in paths if not number or path.endswith(f"/{number}")]
    if len(fit) == 1:
        return fit[0]
    names = ", ".join(path.split("/")[-1] for path in paths)
    raise InfrastructureError(
        "no Joulescope is connected" if not paths else f"Joulescopes that are connected: {names}",
        where="--meter=joulescope",
        remedy="name one by its serial number: --meter=joulescope:NUMBER"
        if paths
        else "plug it in",
    )


def _version(value: int) -> str:
    return f"{value >> 24}.{value >> 16 & 0xFF}.{value & 0xFFFF}"
