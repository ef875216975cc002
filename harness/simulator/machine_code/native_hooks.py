"""The hooks that Unicorn calls often, in machine code where the host's processor has some.

With the same hooks in Python a run takes ten times as long or more. The code below is what the
files x86_64.s and aarch64.s assemble to; a test compares them.
"""

import ctypes
import platform
import sys
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from harness.simulator.machine_code.executable_memory import executable

HOOKS: Mapping[str, Mapping[str, str]] = {
    "x86_64": {
        "count_block": (
            "89f0d1e80fb7c04c8b4118498b04c039f075234989c148c1e8206639d07517c1e8104c89"
            "49104c8b094c01c84889014c3b49087304c3ff6120ff6128"
        ),
        "trace_block": "48c1e2204809f2488b014889104883c008488901483b41087301c3ff6110",
        "trace_load": "480fbaea3f498b014889104883c008498901493b41087301c341ff6110",
        "trap_unaligned": "b80400000039c10f42c1ffc885d07501c341ff21",
        "repair_it": "41514c89ca418b710841ff5110415941f70100fc00067501c341ff6118",
        "check_address": "575652514883ec084889ca8b7108ff51104883c408595a5e5f8b0185410c7501c3ff6118",
        "check_divisor": "575652514883ec084889ca8b7108ff51104883c408595a5e5f8b0185410c7401c3ff6118",
        "check_matched": "8339007501c3ff6108",
    },
    "aarch64": {
        "count_block": (
            "640c40f9254041d3847865f8258002aa850005cabfbc40f201010054661c40a9640800f9"
            "c5c0458b650000f9df0007eb82000054c0035fd6641040f980001fd6641440f980001fd6"
        ),
        "trace_block": "248002aa651840a9a48400f8650000f9bf0006eb42000054c0035fd6640840f980001fd6",
        "trace_load": "420041b2a61c40a9c28400f8a60000f9df0007eb42000054c0035fd6a60840f9c0001fd6",
        "trap_unaligned": (
            "860080527f00066b6630861ac6040051df00026a41000054c0035fd6a60040f9c0001fd6"
        ),
        "repair_it": (
            "fd7bbea9fd030091e50b00f9e20305aaa10840b9a60840f9c0003fd6e50b40f9fd7bc2a8"
            "a60040b907809f5207c0a072df00076a41000054c0035fd6a60c40f9c0001fd6"
        ),
        "check_address": (
            "fd7bbda9fd030091e00701a9e20f02a9e20303aa610840b9640840f980003fd6e00741a9"
            "e20f42a9fd7bc3a8640040b9650c40b99f00056a41000054c0035fd6640c40f980001fd6"
        ),
        "check_divisor": (
            "fd7bbda9fd030091e00701a9e20f02a9e20303aa610840b9640840f980003fd6e00741a9"
            "e20f42a9fd7bc3a8640040b9650c40b99f00056a40000054c0035fd6640c40f980001fd6"
        ),
        "check_matched": "640040b944000035c0035fd6640440f980001fd6",
    },
}
"""The code of each processor's hooks, in hexadecimal."""

_OTHER_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}


class _Loaded(NamedTuple):
    memory: object  # the addresses are valid as long as it lives
    addresses: Mapping[str, int]


def hook(name: str, in_python: object, *, portable: bool) -> int:
    """Return the address of a hook in machine code.

    For a processor without machine code, and with `portable`, it is the address of `in_python`,
    which does the same.
    """
    hooks = {} if portable else _load_hooks().addresses
    return hooks.get(name) or address_of(in_python)


def address_of(function: object) -> int:
    """Return the address of a ctypes function."""
    address = ctypes.cast(function, ctypes.c_void_p).value  # type: ignore[arg-type]
    if address is None:
        raise AssertionError("a ctypes function always has an address")
    return address


def processor() -> str:
    """Return the name of the processor as Python sees it: a key of `HOOKS`, if it has code."""
    machine = platform.machine().lower()
    if sys.maxsize < 1 << 32:  # a Python of 32 bits on a processor of 64
        return f"{machine} with 32 bits"
    return _OTHER_NAMES.get(machine, machine)


@cache
def _load_hooks() -> _Loaded:
    """Load the hooks of the host's processor, once in each process."""
    hooks = {name: bytes.fromhex(code) for name, code in HOOKS.get(processor(), {}).items()}
    if not hooks:
        return _Loaded(None, {})
    memory = executable(b"".join(hooks.values()))
    addresses, next_address = {}, ctypes.addressof(memory)
    for name, code in hooks.items():
        addresses[name] = next_address
        next_address += len(code)
    return _Loaded(memory, addresses)
