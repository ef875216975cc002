"""Faults of a user's own firmware whose handlers are enabled: how soon they are told, and how."""

import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.board import active_fault, exception_frame
from harness.board.active_fault import Read
from harness.elf import Elf
from harness.errors import ExitCode
from harness.link import exchange
from tests.support.own_firmware import OwnFirmware
from tests.support.renode import make_double
from tests.support.repository import BEHAVE, UNDEFINED, Repository

LOOP, PRINT, RECOVER = (f"-DFAULTS={kind}" for kind in (1, 2, 3))  # as in its main.c

pytestmark = pytest.mark.skipif(
    shutil.which("arm-none-eabi-gcc") is None,
    reason="arm-none-eabi-gcc is not on PATH: see `make system`",
)
needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None, reason="qemu-system-arm is not on PATH"
)
TARGETS = ("virtual-stm32", pytest.param("qemu-stm32", marks=needs_qemu))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    return OwnFirmware(tmp_path_factory.mktemp("own")).build


def run(repository: Repository, elf: Path, target: str) -> tuple[int, str]:
    repository.answers(BEHAVE, UNDEFINED)
    return repository.harness("run", "--model", "small", "--target", target, "--elf", str(elf))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize(
    "handler",
    [
        (LOOP,),
        (LOOP, "-O0"),  # it saves a register before it loops
        (PRINT,),
    ],
)
def test_a_handler_that_does_not_return_is_told_before_the_answer_is_overdue(
    target: str,
    handler: tuple[str, ...],
    build: Callable[..., Path],
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "_WATCH_PERIOD", 0.1)
    code, text = run(repository, build("-DNO_CCM", *handler), target)
    assert code == ExitCode.INFRASTRUCTURE
    assert "vector 1: the core stays at " in text
    assert "in the handler of a UsageFault: UNDEFINSTR" in text
    assert re.search(r"pc model main\.c:\d+ \(0x0800\w+\), called from run main\.c", text)
    assert "-> is the code compiled for this core?" in text
    assert "did not end within" not in text
    assert "does not come back" not in text  # it is no hang, which a reset could end
    assert "\nthe device's log ends with:\n    own firmware\n" in text


@needs_qemu
def test_in_renode_too(
    build: Callable[..., Path],
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """On the stand-in, whose registers are recorded, and whose memory is that of QEMU."""
    monkeypatch.setenv("RENODE", str(make_double(tmp_path)))
    monkeypatch.setattr(exchange, "_WATCH_PERIOD", 0.1)
    code, text = run(repository, build("-DNO_CCM", LOOP), "renode-stm32")
    assert code == ExitCode.INFRASTRUCTURE
    assert "vector 1: the core stays at " in text
    assert "in the handler of a UsageFault: UNDEFINSTR" in text


@pytest.mark.parametrize("target", TARGETS)
def test_a_handler_that_recovers_is_left_alone(
    target: str,
    build: Callable[..., Path],
    repository: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def noted(read: Read) -> str:
        seen.append(whole(read))
        return seen[-1]

    whole = active_fault.active_fault
    monkeypatch.setattr(active_fault, "active_fault", noted)
    monkeypatch.setattr(active_fault, "LOOKS", 1000)
    monkeypatch.setattr(exchange, "_WATCH_PERIOD", 0.02)
    assert run(repository, build("-DNO_CCM", RECOVER), target) == (ExitCode.PASSED, "")
    assert "UsageFault" in seen


def registers(**values: int) -> Read:
    addresses = {0xE000_ED04: values["icsr"], 0xE000_ED24: values["shcsr"]}
    return lambda address, size: addresses[address].to_bytes(size, "little")


@pytest.mark.parametrize(
    ("icsr", "shcsr", "name"),
    [
        (0, 0x0007_0000, ""),  # enabled, and none is active
        (0x0040_0005, 0x0007_0002, "BusFault"),  # while an interrupt is pending
        (15, 0x0007_0808, "UsageFault"),  # which SysTick has interrupted
        (15, 0x0007_0800, ""),
        (3, 0, "HardFault"),  # of Armv6-M, which has no active bits
        (0, 1, "MemManage"),
        (37, 1 << 4, "SecureFault"),
    ],
)
def test_the_registers_tell_the_fault(icsr: int, shcsr: int, name: str) -> None:
    assert active_fault.active_fault(registers(icsr=icsr, shcsr=shcsr)) == name


def test_a_handler_that_an_interrupt_has_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frame of the interrupt comes first; its xPSR has the number of the fault."""
    monkeypatch.setattr(exception_frame, "_described", lambda _: [])
    begin, fault, handler, thread = 0x2000_1000, 0x0800_0200, 0x0800_0300, 0x0100_0000
    of_interrupt = [*range(5), 0xFFFF_FFF9, handler, thread | 6 | 1 << 9]  # padded
    of_fault = [*range(5), 0x0800_0101, fault, thread]
    stack = struct.pack("<17I", *of_interrupt, 0, *of_fault)
    registers = {f"r{number}": 0 for number in range(13)}
    registers |= {"msp": begin, "lr": 0xFFFF_FFF1, "pc": 0x0800_0400, "xpsr": thread | 15}
    found = exception_frame.fault_frame(
        registers, lambda at, size: stack[at - begin :][:size], Elf(Path())
    )
    assert found == (begin + 36, 0xFFFF_FFF9, tuple(of_fault))
