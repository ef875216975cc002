"""A probe behind `pyocd server`, with few round trips and with a deadline for every answer.

Writes, and reads whose value pyOCD needs only later, do not wait for their answers. A write that
fails is reported by the next operation that waits: the next read, or `flush`, which ends each
operation of pyOCD that writes. USB probes with several packets in flight do the same.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pyocd.core import exceptions
from pyocd.core.memory_interface import MemoryInterface
from pyocd.coresight.ap import APAddressBase
from pyocd.probe.debug_probe import DebugProbe
from pyocd.probe.tcp_client_probe import TCPClientProbe

from harness.board.pyocd.server_connection import Request, ServerConnection, error_of
from harness.support.network_address import joined_address, split_address

_OPENED = "_open_count"  # of pyOCD's server: how often its clients have opened the probe


class RemoteProbe(TCPClientProbe):  # type: ignore[misc]
    """The probe at `address`, HOST or HOST:PORT; `ValueError` if it is neither."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._is_open = False
        self.address = self._extract_address(address)
        self._uid = f"remote:{joined_address(*self.address)}"
        self._connection = ServerConnection(*self.address)
        self._unconfirmed: list[Request] = []  # writes
        self._properties: dict[str, Any] = {}
        self._asked: dict[str, Request] = {}  # for properties
        self._resets: bool | None = None  # whether nRESET is low, if it is known

    @classmethod
    def _extract_address(cls, unique_id: str) -> tuple[str, int]:
        """Return host and port; pyOCD's own function does not know IPv6."""
        return split_address(unique_id, cls.DEFAULT_PORT)

    def open(self) -> None:
        """Connect to the server, and open its probe."""
        if not self._is_open:
            self._connection.connect()
            self._is_open = True
        self._write("hello", self.PROTOCOL_VERSION)
        self._write("open")
        self._ask_for(_OPENED, "capabilities", "supported_wire_protocols", "vendor_name")

    def close(self) -> None:
        """Close the probe and the connection, also after an error."""
        try:
            if self._is_open:
                self._perform_request("close")
        finally:
            self.cut()

    def cut(self) -> None:
        """End the connection, from any thread: whoever waits for an answer gets an error."""
        self._connection.close()
        self._is_open = False

    def send(self) -> None:
        """Let the probe do now what was requested so far, and wait for no answer."""
        self._write("flush")  # the probe may keep writes until somebody reads
        self._connection.send()

    def other_clients(self) -> bool:
        """Return whether another client opened or closed the probe while it is open here."""
        if not self._is_open:
            return False
        try:
            before = self._read_property(_OPENED)
            return bool(self._perform_request("readprop", _OPENED) != before)
        except (exceptions.Error, OSError):
            return False  # it does not answer any more, or has another version

    def lock(self) -> None:
        """Do nothing: `ServerLock` holds the server's lock, and one thread at a time gets here."""

    def unlock(self) -> None:
        """Do nothing: see `lock`."""

    # Target control

    def connect(self, protocol: Any = None) -> None:
        """Connect to the target."""
        self._write("connect", (protocol or DebugProbe.Protocol.DEFAULT).name)
        self._ask_for("wire_protocol")

    def disconnect(self) -> None:
        """Disconnect from the target."""
        super().disconnect()
        self._ask_for("wire_protocol")

    def assert_reset(self, asserted: bool) -> None:
        """Drive nRESET, at once: the caller decides how long it is low."""
        self._write("assert_reset", asserted)
        self._connection.send()
        self._resets = asserted

    def is_reset_asserted(self) -> bool:
        """Return whether nRESET is low, as far as this session drives it."""
        if self._resets is None:
            self._resets = bool(super().is_reset_asserted())
        return self._resets

    def reset(self) -> None:
        """Pulse nRESET."""
        super().reset()
        self._resets = False

    def swj_sequence(self, length: int, bits: int) -> None:
        """Send a sequence that selects the protocol."""
        self._write("swj_sequence", length, bits)

    def set_clock(self, frequency: float) -> None:
        """Set the clock of the wires."""
        self._write("set_clock", frequency)

    # Access to the ports

    def read_dp(self, addr: int, now: bool = True) -> Any:
        """Read a register of the debug port; with `now` false, return a function that waits."""
        return self._read("read_dp", addr, now=now)

    def write_dp(self, addr: int, data: int) -> None:
        """Write a register of the debug port."""
        self._write("write_dp", addr, data)

    def read_ap(self, addr: int, now: bool = True) -> Any:
        """Read a register of an access port; `now` is as for `read_dp`."""
        return self._read("read_ap", addr, now=now)

    def write_ap(self, addr: int, data: int) -> None:
        """Write a register of an access port."""
        self._write("write_ap", addr, data)

    def read_ap_multiple(self, addr: int, count: int = 1, now: bool = True) -> Any:
        """Read a register of an access port `count` times; `now` is as for `read_dp`."""
        return self._read("read_ap_multiple", addr, count, now=now)

    def write_ap_multiple(self, addr: int, values: Sequence[int]) -> None:
        """Write `values` to a register of an access port."""
        self._write("write_ap_multiple", addr, list(values))

    def get_memory_interface_for_ap(self, ap_address: APAddressBase) -> MemoryInterface | None:
        """Return the access to memory that the probe itself has; None if it has none."""
        version, address = ap_address.ap_version.value, ap_address.nominal_address
        handle = self._perform_request("get_memory_interface_for_ap", version, address)
        return None if handle is None else _RemoteMemory(self, handle)

    # Requests

    def _perform_request_without_raise(
        self, request: str, *args: Any
    ) -> tuple[Any, Exception | None]:
        return self._outcome(self._connection.request(request, *args))

    def _ask_for(self, *names: str) -> None:
        """Ask for properties that pyOCD needs next, and only their connections change."""
        for name in names:
            self._properties.pop(name, None)
            self._asked[name] = self._connection.request("readprop", name)

    def _read_property(self, name: str, default: Any = None) -> Any:
        """Return a property, asked once."""
        if not self.is_open:
            return default
        if name not in self._properties:
            if name not in self._asked:
                self._ask_for(name)
            result, error = self._outcome(self._asked.pop(name))
            if error is not None:
                raise error
            convert = self._PROPERTY_CONVERTERS.get(name, lambda value: value)
            self._properties[name] = convert(result)
        return self._properties[name]

    def _write(self, name: str, *arguments: Any) -> None:
        """Send a request without a value."""
        self._unconfirmed.append(self._connection.request(name, *arguments))

    def _read(self, name: str, *arguments: Any, now: bool) -> Any:
        request = self._connection.request(name, *arguments)

        def value() -> Any:
            result, error = self._outcome(request)
            if error is not None:
                raise error
            return result

        return value() if now else value

    def _outcome(self, request: Request) -> tuple[Any, Exception | None]:
        """Return the result of a request, or the error of the first of it and the writes before.

        What follows a failed write fails only because of that.
        """
        self._connection.wait(request)
        earlier = [write for write in self._unconfirmed if write.number < request.number]
        del self._unconfirmed[: len(earlier)]
        for each in (*earlier, request):
            error = error_of(each)
            if error is not None:
                return None, error
        return (request.answer or {}).get("result"), None


class _RemoteMemory(MemoryInterface):  # type: ignore[misc]
    """The access to memory that a probe has itself, such as an ST-LINK's."""

    def __init__(self, probe: RemoteProbe, handle: int) -> None:
        self._probe = probe
        self._handle = handle

    def write_memory(self, addr: int, data: int, transfer_size: int = 32, **_: Any) -> None:
        self._probe._write("write_mem", self._handle, addr, data, transfer_size)

    def read_memory(
        self, addr: int, transfer_size: int = 32, now: bool = True, **_: Any
    ) -> int | Callable[[], int]:
        read = self._probe._read("read_mem", self._handle, addr, transfer_size, now=now)
        result: int | Callable[[], int] = read
        return result

    def write_memory_block32(self, addr: int, data: Sequence[int], **_: Any) -> None:
        self._probe._write("write_block32", self._handle, addr, list(data))

    def read_memory_block32(self, addr: int, size: int, **_: Any) -> Any:
        return self.request_block32(addr, size)()

    def request_block32(self, addr: int, size: int) -> Any:
        return self._probe._read("read_block32", self._handle, addr, size, now=False)

    def write_memory_block8(self, addr: int, data: Sequence[int], **_: Any) -> None:
        self._probe._write("write_block8", self._handle, addr, list(data))

    def read_memory_block8(self, addr: int, size: int, **_: Any) -> Any:
        return self._probe._read("read_block8", self._handle, addr, size, now=True)
