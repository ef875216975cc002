"""Virtual boards: microcontrollers in software that stock pyOCD and pyserial take for real.

`python -m harness.simulator serve CHIP` is one board in a process of its own, with
a debug probe that pyOCD lists (plugin.py, probe.py) and a serial port (line.py). From
Python, `handle.VirtualBoard.start(chip)` starts one that ends with its owner.

    memory, thumb, blocks, counting      bytes and instructions
    emulator, mapping, engine            Unicorn, and what it does otherwise than silicon
    nvic, exceptions, stop_handler, core     the core: exceptions, faults, sleep, halt, reset
    scs, interrupts, systick, dwt, fpb, debug, coresight, private_bus
                                         its registers
    chips/, peripherals/                 STM32F429xI, STM32L475xG, nRF52840
    dap, protocol, server, client, runtime, probe, plugin
                                         from the debug port to pyOCD
    line, linefaults, faults, board, serve, handle
                                         the board, its faults, its process
    meters/                              energy meters in its supply

Time is counted in instructions: an instruction is a tick of every clock, DWT_CYCCNT
and the timers count exactly, whatever code is read from and however the code branches.
Only while the core sleeps do timers (not CYCCNT) go by the wall clock.

Not modelled, and what is instead:

- Cycles: wait states, caches, pipelines. Memory and flash operations take no time.
- MPU (MPU_TYPE says that there is none), watchpoints, ITM and SWO, DebugMonitor, flash
  patch, bit-banding; CCR.UNALIGN_TRP and DIV_0_TRP, and the fault of an unaligned LDRD,
  LDM or STM: such accesses succeed.
- Lazy stacking of float registers: they are stacked at once. Tail-chaining: the frame is
  unstacked and stacked again.
- Interrupts come in between basic blocks. One that the core raises by a store of its own
  is taken at the end of the block; ISB, MSR and CPS always end one.
- A store to nowhere is an imprecise BusFault, as behind a write buffer, and up to the rest
  of the block is executed before it is taken.
- A debugger's step executes an IT and what it covers as one.
- Baud rates, parity, flow control, framing errors: bytes are sent at once, received ones
  wait until they are taken. USARTs without DMA, IDLE and wake-up features; UARTE without
  error events. Overrun never happens.
- DMA controllers, ADCs, I2C, SPI, USB, radio, watchdogs, RTCs: their registers keep what
  is written and do nothing. Timers count up; they neither capture nor make PWM.
- Pins: outputs are logged; inputs read what the output of the pin drives.
- Clocks: ready as soon as they are enabled, and without effect on speed.
- STM32: PCROP, read-out protection, fast programming, option byte loading. nRF52840:
  APPROTECT, ACL registers, partial erase, PPI.
"""
