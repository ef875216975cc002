// The hooks for arm64. Calling convention AAPCS64, and Apple's, which reserves x18.
//
// A hook on code is called with x0 uc, x1 address, w2 size, x3 state.
// A hook on accesses is called with x0 uc, w1 kind, x2 address, w3 size, x4 value, x5 state.
// Each hook ends with a jump to a Python function with the same arguments if it needs one.

// counting.py. State: count 0, limit 8, block 16, table 24, slow 32, stop 40.
.globl count_block
count_block:
    ldr   x4, [x3, #24]             // table
    ubfx  x5, x1, #1, #16
    ldr   x4, [x4, x5, lsl #3]      // entry: address, size << 32, count << 48
    orr   x5, x1, x2, lsl #32
    eor   x5, x4, x5                // count << 48, if address and size are equal
    tst   x5, #0xffffffffffff
    b.ne  1f
    ldp   x6, x7, [x3]
    str   x4, [x3, #16]             // state.block = entry
    add   x5, x6, x5, lsr #48
    str   x5, [x3]                  // state.count += count
    cmp   x6, x7
    b.hs  2f                        // if the count before this block has reached state.limit
    ret
1:  ldr   x4, [x3, #32]             // slow
    br    x4
2:  ldr   x4, [x3, #40]             // stop
    br    x4

// block_trace.py. State: next 0, end 8, full 16.
.globl trace_block
trace_block:
    orr   x4, x1, x2, lsl #32       // entry: address, size << 32
    ldp   x5, x6, [x3]
    str   x4, [x5], #8              // *state.next = entry
    str   x5, [x3]                  // state.next += 1
    cmp   x5, x6
    b.hs  1f                        // if state.next has reached state.end
    ret
1:  ldr   x4, [x3, #16]             // full
    br    x4

.globl trace_load
trace_load:
    orr   x2, x2, #1 << 63          // entry: address, 1 << 63
    ldp   x6, x7, [x5]
    str   x2, [x6], #8
    str   x6, [x5]
    cmp   x6, x7
    b.hs  1f
    ret
1:  ldr   x6, [x5, #16]             // full
    br    x6

// unaligned_trap.py. State: unaligned 0.
.globl trap_unaligned
trap_unaligned:
    mov   w6, #4
    cmp   w3, w6
    csel  w6, w3, w6, lo            // a doubleword needs the alignment of a word
    sub   w6, w6, #1
    tst   w6, w2
    b.ne  1f
    ret
1:  ldr   x6, [x5]                  // unaligned
    br    x6

// it_repair.py. State: value 0, register 8, read 16, slow 24; slow needs no arguments.
.globl repair_it
repair_it:
    stp   x29, x30, [sp, #-32]!
    mov   x29, sp
    str   x5, [sp, #16]
    mov   x2, x5
    ldr   w1, [x5, #8]
    ldr   x6, [x5, #16]
    blr   x6                        // uc_reg_read(uc, state.register, &state.value)
    ldr   x5, [sp, #16]
    ldp   x29, x30, [sp], #32
    ldr   w6, [x5]
    mov   w7, #0xfc00
    movk  w7, #0x0600, lsl #16
    tst   w6, w7
    b.ne  1f                        // if the IT state is set
    ret
1:  ldr   x6, [x5, #24]             // slow
    br    x6

// operand_checks.py. State: value 0, register 8, mask 12, read 16, unsuitable 24.
.macro check name, unsuitable
.globl \name
\name:
    stp   x29, x30, [sp, #-48]!
    mov   x29, sp
    stp   x0, x1, [sp, #16]
    stp   x2, x3, [sp, #32]
    mov   x2, x3
    ldr   w1, [x3, #8]
    ldr   x4, [x3, #16]
    blr   x4                        // uc_reg_read(uc, state.register, &state.value)
    ldp   x0, x1, [sp, #16]
    ldp   x2, x3, [sp, #32]
    ldp   x29, x30, [sp], #48
    ldr   w4, [x3]
    ldr   w5, [x3, #12]
    tst   w4, w5                    // state.value & state.mask
    \unsuitable 1f
    ret
1:  ldr   x4, [x3, #24]             // unsuitable
    br    x4
.endm

check check_address, b.ne
check check_divisor, b.eq

// watchpoints.py. State: matched 0, stop 8.
.globl check_matched
check_matched:
    ldr   w4, [x3]
    cbnz  w4, 1f
    ret
1:  ldr   x4, [x3, #8]              // stop
    br    x4
