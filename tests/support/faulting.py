"""What the firmware of tests/data/firmware/faulting does, by the first byte of its input."""

from enum import IntEnum

# The same list as in its model.c.
Behaviour = IntEnum(
    "Behaviour",
    [
        "BEHAVE",
        "READ_BYTE",
        "READ_HALFWORD",
        "READ_WORD",
        "READ_DOUBLE",
        "READ_MANY",
        "WRITE_BYTE",
        "WRITE_HALFWORD",
        "WRITE_WORD",
        "WRITE_DOUBLE",
        "READ_MULTIPLE",
        "READ_FLOAT",
        "READ_NO_MEMORY",
        "READ_NO_PERIPHERAL",
        "WRITE_NO_PERIPHERAL",
        "JUMP_TO_NOTHING",
        "JUMP_WITHOUT_THUMB",
        "EXECUTE_UNDEFINED",
        "BREAKPOINT",
        "TRAP_UNALIGNED",
        "TRAP_DIVISION",
        "UNALIGNED_DOUBLE",
        "UNALIGNED_MULTIPLE",
        "UNALIGNED_FLOAT",
    ],
    start=0,
)
