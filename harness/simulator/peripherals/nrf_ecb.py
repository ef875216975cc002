"""AES ECB of the nRF52840 (PS 1.7, 6.7): it encrypts a block with AES-128 (FIPS 197), at once."""

from collections.abc import Callable

from harness.simulator.bus import Bus
from harness.simulator.peripherals import nrf_dma
from harness.simulator.peripherals.nrf import NrfPeripheral

_START, _STOP = 0x000, 0x004
_END, _ERROR = 0x100, 0x104
_POINTER = 0x504
_BLOCK, _ROUNDS, _WORD = 16, 10, 4


class NrfEcb(NrfPeripheral):
    """The block cipher. In RAM lie key, clear text and cipher text, of 16 bytes each."""

    def __init__(self, line: Callable[[bool], None], bus: Bus) -> None:
        self._bus = bus
        super().__init__(line)

    def _task(self, offset: int) -> None:
        if offset != _START:  # nothing is ever left to stop
            return
        address = self._registers.get(_POINTER, 0)
        data = nrf_dma.load(self._bus, address, 2 * _BLOCK)
        stored = data is not None and nrf_dma.store(
            self._bus, address + 2 * _BLOCK, encrypt(data[:_BLOCK], data[_BLOCK:])
        )
        self._event(_END if stored else _ERROR)


def encrypt(key: bytes, block: bytes) -> bytes:
    """Return the 16 bytes of `block`, encrypted with AES-128."""
    keys = _round_keys(key)
    state = _xor(block, keys[0])
    for number in range(1, _ROUNDS + 1):
        substituted = bytes(_SUBSTITUTES[byte] for byte in state)
        state = bytes(substituted[at * 5 % _BLOCK] for at in range(_BLOCK))  # ShiftRows
        if number < _ROUNDS:
            state = b"".join(_mix(state[at : at + _WORD]) for at in range(0, _BLOCK, _WORD))
        state = _xor(state, keys[number])
    return state


def _round_keys(key: bytes) -> list[bytes]:
    """Return the keys of all rounds (FIPS 197, 5.2)."""
    words = [key[at : at + _WORD] for at in range(0, _BLOCK, _WORD)]
    constant = 1
    while len(words) < _WORD * (_ROUNDS + 1):
        word = words[-1]
        if len(words) % _WORD == 0:
            word = bytes(_SUBSTITUTES[byte] for byte in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = _double(constant)
        words.append(_xor(words[-_WORD], word))
    return [b"".join(words[at : at + _WORD]) for at in range(0, len(words), _WORD)]


def _xor(left: bytes, right: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _double(value: int) -> int:
    """Return `value` times two in the field of AES (FIPS 197, 4.2)."""
    return value << 1 & 0xFF ^ (0x1B if value >> 7 else 0)


def _mix(column: bytes) -> bytes:
    """Return a column after MixColumns (FIPS 197, 5.1.3)."""
    total = column[0] ^ column[1] ^ column[2] ^ column[3]
    return bytes(
        byte ^ total ^ _double(byte ^ column[(at + 1) % _WORD]) for at, byte in enumerate(column)
    )


def _substitutes() -> bytes:
    """Return the table of SubBytes: the inverse in the field, then an affine map (5.1.1)."""
    table = bytearray(256)
    power = inverse = 1
    while True:
        power ^= _double(power)  # times three, which generates all values but zero
        for shift in (1, 2, 4):  # divided by three
            inverse ^= inverse << shift & 0xFF
        inverse ^= 0x09 if inverse >> 7 else 0
        mapped = inverse
        for turn in range(1, 5):
            mapped ^= (inverse << turn | inverse >> 8 - turn) & 0xFF
        table[power] = mapped ^ 0x63
        if power == 1:
            break
    table[0] = 0x63
    return bytes(table)


_SUBSTITUTES = _substitutes()
