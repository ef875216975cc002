# The hooks for x86-64. Calling convention of System V.
#
# A hook on code is called with rdi uc, rsi address, edx size, rcx state.
# A hook on accesses is called with rdi uc, esi kind, rdx address, ecx size, r8 value, r9 state.
# Each hook ends with a jump to a Python function with the same arguments if it needs one.

.intel_syntax noprefix

# counting.py. State: count 0, limit 8, block 16, table 24, slow 32, stop 40.
.globl count_block
count_block:
    mov   eax, esi
    shr   eax, 1
    movzx eax, ax
    mov   r8, [rcx+24]      # table
    mov   rax, [r8+rax*8]   # entry: address, size << 32, count << 48
    cmp   eax, esi
    jne   1f
    mov   r9, rax
    shr   rax, 32
    cmp   ax, dx
    jne   1f
    shr   eax, 16
    mov   [rcx+16], r9      # state.block = entry
    mov   r9, [rcx]
    add   rax, r9
    mov   [rcx], rax        # state.count += count
    cmp   r9, [rcx+8]
    jae   2f                # if the count before this block has reached state.limit
    ret
1:  jmp   [rcx+32]          # slow
2:  jmp   [rcx+40]          # stop

# block_trace.py. State: next 0, end 8, full 16.
.globl trace_block
trace_block:
    shl   rdx, 32
    or    rdx, rsi          # entry: address, size << 32
    mov   rax, [rcx]
    mov   [rax], rdx        # *state.next = entry
    add   rax, 8
    mov   [rcx], rax        # state.next += 1
    cmp   rax, [rcx+8]
    jae   1f                # if state.next has reached state.end
    ret
1:  jmp   [rcx+16]          # full

.globl trace_load
trace_load:
    bts   rdx, 63           # entry: address, 1 << 63
    mov   rax, [r9]
    mov   [rax], rdx
    add   rax, 8
    mov   [r9], rax
    cmp   rax, [r9+8]
    jae   1f
    ret
1:  jmp   [r9+16]           # full

# unaligned_trap.py. State: unaligned 0.
.globl trap_unaligned
trap_unaligned:
    mov   eax, 4
    cmp   ecx, eax
    cmovb eax, ecx          # a doubleword needs the alignment of a word
    dec   eax
    test  eax, edx
    jnz   1f
    ret
1:  jmp   [r9]              # unaligned

# it_repair.py. State: value 0, register 8, read 16, slow 24; slow needs no arguments.
.globl repair_it
repair_it:
    push  r9
    mov   rdx, r9
    mov   esi, [r9+8]
    call  [r9+16]           # uc_reg_read(uc, state.register, &state.value)
    pop   r9
    test  dword ptr [r9], 0x0600fc00
    jnz   1f                # if the IT state is set
    ret
1:  jmp   [r9+24]           # slow

# operand_checks.py. State: value 0, register 8, mask 12, read 16, unsuitable 24.
.macro check name, unsuitable
.globl \name
\name:
    push  rdi
    push  rsi
    push  rdx
    push  rcx
    sub   rsp, 8
    mov   rdx, rcx
    mov   esi, [rcx+8]
    call  [rcx+16]          # uc_reg_read(uc, state.register, &state.value)
    add   rsp, 8
    pop   rcx
    pop   rdx
    pop   rsi
    pop   rdi
    mov   eax, [rcx]
    test  eax, [rcx+12]     # state.value & state.mask
    \unsuitable 1f
    ret
1:  jmp   [rcx+24]          # unsuitable
.endm

check check_address, jnz
check check_divisor, jz

# watchpoints.py. State: matched 0, stop 8.
.globl check_matched
check_matched:
    cmp   dword ptr [rcx], 0
    jne   1f
    ret
1:  jmp   [rcx+8]           # stop
