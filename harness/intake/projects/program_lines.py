"""The lines of C that connect a program to the link: any program's, or one of STM32CubeMX."""

import re
from pathlib import Path

from harness.intake.projects.project_lines import Lines, first, read

MODEL = """
static int8_t input[1], output[1]; /* all inputs, all outputs of your model */

static int model(void) {
    return 0; /* run your model on `input`; 0: it succeeded */
}

static link_result_t run(void) {
    return link_measure(model);
}
"""
"""The model and `run` of any program."""

_INCLUDE = '#include "link.h"\n'
_DEVICE = """
static const link_device_t device = {
    .write = %s,
    .run = run,
    .count = link_count,
    .build_id = link_build_id,
    .counter = "dwt",
    .input = input,
    .input_size = sizeof(input),
    .output = output,
    .output_size = sizeof(output),
};"""
_SEND = """
static void send(uint8_t byte) {
    /* wait until the UART takes `byte` */
}
"""
_LOOP = """\
link_wait(); /* sleeps until a byte has come; not if the loop has other work */
link_poll();"""
_HAL_RUN = """    HAL_SuspendTick(); /* its interrupts would count */
    link_result_t result = link_measure(model);
    HAL_ResumeTick();
    return result;
"""
_HAL_SEND = """
static void send(uint8_t byte) {{
    (void)HAL_UART_Transmit(&{handle}, &byte, 1U, HAL_MAX_DELAY);
}}
"""
_HAL_RECEIVE = """\
extern UART_HandleTypeDef {handle};
while (__HAL_UART_GET_FLAG(&{handle}, UART_FLAG_RXNE)) {{
    link_put((uint8_t){handle}.Instance->{data});
}}
__HAL_UART_CLEAR_OREFLAG(&{handle});
"""
_HAL_START = """\
__HAL_UART_ENABLE_IT(&{handle}, UART_IT_RXNE);
HAL_NVIC_EnableIRQ({uart}_IRQn);
link_start_dwt();
link_start(&device);"""
_WITH_DATA_REGISTER = ("f1", "f2", "f4", "l1")  # families whose USART has DR, not RDR and TDR


def program_lines(folder: Path) -> list[Lines]:
    """Return the lines of C for the program in `folder`."""
    main = next(
        (path for name in ("Core/Src", "Src") if (path := folder / name / "main.c").is_file()), None
    )
    # STM32CubeMX writes the UART into usart.c if each peripheral is to have a file of its own.
    uart = read(main) + read(main.with_name("usart.c")) if main else ""
    handle = first(r"^UART_HandleTypeDef[ \t]+(\w+);", uart)
    return _cube_lines(folder, main, uart, handle) if main and handle else _any_lines()


def device_lines(write: str) -> str:
    """Return the device of the link, which sends with the function `write`."""
    return _DEVICE % write


def _any_lines() -> list[Lines]:
    return [
        Lines("your main program", "", _INCLUDE + MODEL + _SEND + device_lines("send")),
        Lines("main()", "after clocks and UART", "link_start_dwt();\nlink_start(&device);"),
        Lines("main()", "in its loop", _LOOP),
        Lines("the receive interrupt of the UART", "", 'link_put(byte); /* #include "link.h" */'),
    ]


def _cube_lines(folder: Path, main: Path, text: str, handle: str) -> list[Lines]:
    """Return the lines for the UART `handle`, which `text`, the files with its set-up, defines."""
    uart = first(rf"\b{handle}\.Instance\s*=\s*(\w+);", text)
    family = first(r"stm32(\w\w)xx_hal", text + read(main.parent.parent / "Inc" / "main.h"))
    handlers = next(iter(sorted(main.parent.glob("stm32*_it.c"))), main)
    names = {
        "handle": handle,
        "uart": uart or "USARTx",
        "data": "DR" if family in _WITH_DATA_REGISTER else "RDR",
    }
    receive = _HAL_RECEIVE.format(**names)
    handler = f"{names['uart']}_IRQHandler"
    if re.search(rf"\b{handler}\(void\)\s*\{{", read(handlers)):
        at = f"in {handler}, USER CODE {names['uart']}_IRQn 0"
        receive += "return; /* HAL_UART_IRQHandler has nothing to do */"
    else:
        at = "USER CODE 1"
        body = "".join(f"    {line}\n" for line in receive.splitlines())
        receive = f"void {handler}(void) {{\n{body}}}"
    program = _INCLUDE + MODEL.replace("    return link_measure(model);\n", _HAL_RUN)
    shown = main.relative_to(folder).as_posix()
    taken = first(rf"^\s*(HAL_UART\w*_Receive\w*\(&{handle}\b[^\n;]*;)", read(main))
    start = f"USER CODE 2, instead of {taken}" if taken else "USER CODE 2"
    return [
        Lines(shown, "USER CODE 0", program + _HAL_SEND.format(**names) + device_lines("send")),
        Lines(shown, start, _HAL_START.format(**names)),
        Lines(shown, "USER CODE 3, in the loop", "link_wait();\nlink_poll();"),
        Lines(handlers.relative_to(folder).as_posix(), "USER CODE Includes", '#include "link.h"'),
        Lines(handlers.relative_to(folder).as_posix(), at, receive),
    ]
