"""firmware/mlperf, compiled for this machine, and a device around it."""

import ctypes
from pathlib import Path

from tests.support import host

WRITE = ctypes.CFUNCTYPE(None, ctypes.c_uint8)
STATUS = ctypes.CFUNCTYPE(ctypes.c_int32)
RESULT = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_uint32)
CLOCK = ctypes.CFUNCTYPE(ctypes.c_uint64)
EDGE = ctypes.CFUNCTYPE(None)


class _Device(ctypes.Structure):
    """mlperf_device_t."""

    _fields_ = (
        ("write", WRITE),
        ("vendor", ctypes.c_char_p),
        ("model", ctypes.c_char_p),
        ("input", ctypes.POINTER(ctypes.c_uint8)),
        ("input_size", ctypes.c_uint32),
        ("load", STATUS),
        ("infer", STATUS),
        ("results", ctypes.c_uint32),
        ("result", RESULT),
        ("microseconds", CLOCK),
        ("edge", EDGE),
    )


class Parser:
    """The parser and a device whose clock counts inferences, and whose results are `results`.

    `status` is what loading and inferring return, `now` the clock in microseconds; `edges` has
    the number of inferences at each falling edge. What lies behind the input must stay `GUARD`.
    """

    GUARD = bytes(range(64))

    def __init__(self, folder: Path, size: int) -> None:
        sources = [host.FIRMWARE / "mlperf" / name for name in ("mlperf.c", "text.c")]
        self._library = host.library(folder / "mlperf.so", *sources)
        self.size = size
        self.memory = (ctypes.c_uint8 * (size + len(self.GUARD)))()
        self.sent = bytearray()
        self.results: list[int] = [0, 996, -1234]
        self.load_status = self.infer_status = 0
        self.fails_at = -1
        self.loads = self.inferences = 0
        self.now = 0
        self.edges: list[int] = []

    def start(self, *, energy: bool = False) -> bytes:
        """Start anew; returns the lines that it sends."""
        self.inferences = self.loads = 0
        self.edges.clear()
        ctypes.memset(self.memory, 0xAA, self.size)
        ctypes.memmove(ctypes.addressof(self.memory) + self.size, self.GUARD, len(self.GUARD))
        self._device = _Device(
            write=WRITE(self.sent.append),
            vendor=b"a vendor",
            model=b"kws01",
            input=ctypes.cast(self.memory, ctypes.POINTER(ctypes.c_uint8)),
            input_size=self.size,
            load=STATUS(self._load),
            infer=STATUS(self._infer),
            results=len(self.results),
            result=RESULT(lambda index: self.results[index]),
            microseconds=CLOCK(lambda: self.now),
            edge=EDGE(lambda: self.edges.append(self.inferences)) if energy else EDGE(),
        )
        self._library.mlperf_start(ctypes.byref(self._device))
        return self._taken()

    def receive(self, data: bytes) -> bytes:
        """Return what it answers to `data`."""
        for byte in data:
            self._library.mlperf_receive(ctypes.c_uint8(byte))
        return self._taken()

    def answer(self, command: str) -> list[str]:
        """Return the lines before `m-ready`, which has to come once and last."""
        lines = self.receive(f"{command}%".encode()).decode().split("\r\n")
        assert lines[-2:] == ["m-ready", ""]
        assert lines.count("m-ready") == 1
        return lines[:-2]

    @property
    def input(self) -> bytes:
        """What `db` filled; makes sure that nothing else was written."""
        assert bytes(self.memory[self.size :]) == self.GUARD
        return bytes(self.memory[: self.size])

    def _load(self) -> int:
        self.loads += 1
        return self.load_status

    def _infer(self) -> int:
        self.inferences += 1
        self.now += 1000
        return self.infer_status if self.inferences > self.fails_at else 0

    def _taken(self) -> bytes:
        taken = bytes(self.sent)
        self.sent.clear()
        return taken
