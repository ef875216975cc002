"""Programs for a bare core, made by hand: ELF files with a vector table, code and symbols."""

import struct

_RAM_END = 0x2000_1000
_VECTORS, _HEADER, _PROGRAM_HEADER, _SECTION_HEADER = 8, 52, 32, 40
_EM_ARM, _PT_LOAD, _SYMTAB, _STRTAB, _FUNCTION = 40, 1, 2, 3, 0x12


def program(functions: dict[str, str], *, base: int = 0, loads: bool = True) -> bytes:
    """Return an ELF with `functions`, which are Thumb code in hexadecimal, one behind the other.

    The first is what reset leads to; the vector table is at `base`. Without `loads` it has
    no program header.
    """
    code, places = b"", {}
    for name, text in functions.items():
        places[name] = (base + _VECTORS + len(code), len(bytes.fromhex(text)))
        code += bytes.fromhex(text)
    reset = next(iter(places.values()))[0]
    image = struct.pack("<II", _RAM_END, reset | 1) + code
    names = b"\0" + b"".join(name.encode() + b"\0" for name in functions)
    symbols, at = b"\0" * 16, 1
    for name, (address, size) in places.items():
        symbols += struct.pack("<IIIBBH", at, address | 1, size, _FUNCTION, 0, 1)
        at += len(name) + 1
    sections = b"\0.symtab\0.strtab\0"
    starts = [_HEADER + _PROGRAM_HEADER]
    for part in (image, symbols, names, sections):
        starts.append(starts[-1] + len(part))
    headers = [
        (0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
        (1, _SYMTAB, 0, 0, starts[1], len(symbols), 2, 1, 4, 16),
        (9, _STRTAB, 0, 0, starts[2], len(names), 0, 0, 1, 0),
        (9, _STRTAB, 0, 0, starts[3], len(sections), 0, 0, 1, 0),
    ]
    return b"".join([
        struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2, _EM_ARM, 1, reset | 1, _HEADER,
                    starts[4], 0, _HEADER, _PROGRAM_HEADER, int(loads), _SECTION_HEADER, 4, 3),
        struct.pack("<8I", _PT_LOAD, starts[0], base, base, len(image), len(image), 5, 4),
        image, symbols, names, sections,
        *(struct.pack("<10I", *header) for header in headers),
    ])  # fmt: skip
