"""The bits of the fault status registers (Armv7-M ARM, DDI 0403E: B3.2.15 and B3.2.16)."""

# CFSR: MemManage faults
IACCVIOL, DACCVIOL, MUNSTKERR, MSTKERR = 1 << 0, 1 << 1, 1 << 3, 1 << 4
MLSPERR, MMARVALID = 1 << 5, 1 << 7
# CFSR: BusFaults
IBUSERR, PRECISERR, IMPRECISERR, UNSTKERR = 1 << 8, 1 << 9, 1 << 10, 1 << 11
STKERR, LSPERR, BFARVALID = 1 << 12, 1 << 13, 1 << 15
# CFSR: UsageFaults; STKOF only in Armv8-M
UNDEFINSTR, INVSTATE, INVPC, NOCP, STKOF = 1 << 16, 1 << 17, 1 << 18, 1 << 19, 1 << 20
UNALIGNED, DIVBYZERO = 1 << 24, 1 << 25
# HFSR
VECTTBL, FORCED, DEBUGEVT = 1 << 1, 1 << 30, 1 << 31
