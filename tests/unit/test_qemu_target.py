"""Targets that are derived from QEMU's machines: `qemu:MACHINE`."""

import shutil
import socket
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import InfrastructureError, InputError
from harness.support.memory_map import Region
from harness.target import qemu_monitor, qemu_target
from harness.target.find_target import find_target
from harness.target.qemu_memory import code_and_data
from harness.target.qemu_monitor import QemuMonitor
from harness.target.qemu_program import find_qemu, machines
from harness.target.target_file import Qemu, Target

needs_qemu = pytest.mark.skipif(
    shutil.which("qemu-system-arm") is None,
    reason="qemu-system-arm is not on PATH: see `make system`",
)


def derived(machine: str) -> Target:
    return find_target(f"qemu:{machine}", [])


def view(*lines: str, space: str = "cpu-memory-0") -> str:
    areas = "".join(f"\n  {line}" for line in lines)
    return f'FlatView #1\n AS "{space}", root: container\n Root memory region: container{areas}\n\n'


FLASH = "0000000000000000-000000000003ffff (prio 0, romd): soc.flash"
SRAM = "0000000020000000-0000000020003fff (prio 0, ram): soc.sram"


@needs_qemu
def test_capitals_do_not_matter() -> None:
    for name in ("qemu:MPS2-AN385", "QEMU:mps2_an385"):
        assert find_target(name, []).name == "qemu:mps2-an385"
    with pytest.raises(InputError, match=r"did you mean mps2-an38\d"):
        find_target("qemu:MPS2-AN38", [])


# Memory


def test_code_is_where_the_core_starts_and_data_in_the_largest_ram() -> None:
    large = "0000000021000000-0000000021ffffff (prio 0, ram): psram @0000000000001000"
    text = view(FLASH, SRAM, large, "0000000040000000-00000000400003ff (prio 0, i/o): uart")
    assert code_and_data(text, 0) == (Region(0, 0x40000), Region(0x2100_0000, 0x100_0000))


def test_code_begins_at_the_vector_table() -> None:
    assert code_and_data(view(FLASH, SRAM), 0x8000)[0] == Region(0x8000, 0x38000)


def test_data_never_goes_into_an_alias_of_the_memory_with_code() -> None:
    both = (
        "0000000000000000-00000000003fffff (prio 0, ram): ssram",
        "0000000000400000-00000000007fffff (prio 0, ram): ssram",
    )
    assert code_and_data(view(*both, SRAM), 0)[1] == Region(0x2000_0000, 0x4000)


def test_code_and_data_share_the_only_memory() -> None:
    text = view("0000000000000000-00000000000bffff (prio 0, ram): sram")
    assert code_and_data(text, 0) == (Region(0, 0x60000), Region(0x60000, 0x60000))


def test_data_only_goes_where_unaligned_accesses_are_allowed() -> None:
    """Armv7-M: from 0xA000_0000 on there is Device memory; a memory of 2 GiB is cut there."""
    ddr = "00000000a0000000-00000000a3ffffff (prio 0, ram): ddr"
    assert code_and_data(view(FLASH, SRAM, ddr), 0)[1] == Region(0x2000_0000, 0x4000)
    ddr = "0000000060000000-00000000dfffffff (prio 0, ram): ddr"
    assert code_and_data(view(FLASH, SRAM, ddr), 0)[1] == Region(0x6000_0000, 0x4000_0000)


def controlled(*behind: str) -> str:
    """Return the views of a core that sees its memory through protection controllers."""
    upstream = (
        "0000000010000000-00000000107fffff (prio 0, i/o): tz-mpc-upstream",
        "0000000030000000-00000000301fffff (prio 0, i/o): tz-mpc-upstream",
    )
    views = [view(line, space="tz-mpc-downstream") for line in behind]
    return "".join(views) + view(*upstream, space="cpu-secure-memory-0") + view(SRAM)


QSPI = "0000000000000000-00000000007fffff (prio 0, rom): qspi"


def test_memory_behind_a_controller_is_what_has_its_size() -> None:
    text = controlled(QSPI, "0000000000000000-00000000001fffff (prio 0, ram): sram")
    regions = Region(0x1000_0000, 0x80_0000), Region(0x3000_0000, 0x20_0000)
    assert code_and_data(text, 0x1000_0000) == regions


def test_memory_behind_a_controller_is_not_guessed() -> None:
    same = "0000000000000000-00000000001fffff (prio 0, rom): eflash"
    text = controlled(QSPI, same, "0000000000000000-00000000001fffff (prio 0, ram): sram")
    with pytest.raises(ValueError, match="there is no RAM"):
        code_and_data(text, 0x1000_0000)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "`info mtree -f` shows no memory of the first core"),
        (view(FLASH, space="I/O"), "`info mtree -f` shows no memory of the first core"),
        (view(SRAM), "there is no memory at 0x00000000, where the core starts"),
        (view(FLASH), "there is no RAM"),
    ],
)
def test_what_is_missing_is_said(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match="^" + reason.replace("(", r"\(")):
        code_and_data(text, 0)


@given(st.text(alphabet='0123456789abcdef-(),:@ FlatView#ASram"\n', max_size=400), st.integers(0))
def test_any_text_gives_regions_or_a_reason(text: str, vectors: int) -> None:
    try:
        flash, ram = code_and_data('FlatView #0\n AS "cpu-memory-0"\n' + text, vectors)
    except ValueError:
        return
    assert flash.end <= ram.origin or ram.end <= flash.origin


# Machines of the installed QEMU


@needs_qemu
@pytest.mark.parametrize(
    ("machine", "core", "flash", "ram", "hz", "shift"),
    [
        ("microbit", "cortex-m0", (0, 0x40000), (0x2000_0000, 0x4000), 16_000_000, 9),
        ("lm3s811evb", "cortex-m3", (0, 0x10000), (0x2000_0000, 0x2000), 12_500_000, 9),
        ("netduinoplus2", "cortex-m4f", (0, 0x10_0000), (0x2000_0000, 0x30000), 168_000_002, 5),
        ("mps2-an500", "cortex-m7", (0, 0x40_0000), (0x6000_0000, 0x100_0000), 25_000_000, 8),
        (
            "musca-b1",
            "cortex-m33",
            (0x1000_0000, 0x200_0000),
            (0x0A40_0000, 0x8_0000),
            40_000_000,
            7,
        ),
    ],
)
def test_a_machine_says_all_that_a_target_needs(
    machine: str,
    core: str,
    flash: tuple[int, int],
    ram: tuple[int, int],
    hz: int,
    shift: int,
) -> None:
    target = derived(machine)
    assert (target.name, target.file_name) == (f"qemu:{machine}", f"qemu-{machine}")
    assert target.mcu.core == core
    assert target.memory.flash == Region(*flash)
    assert target.memory.ram == Region(*ram)
    assert target.counter.hz == hz
    assert target.board == Qemu(machine, shift)
    assert target.port.over_rtt
    assert target.port.options == ({"WINDOW": 256} if ram[1] < 0x8000 else {})
    assert 5 <= target.instruction_ticks < 10.1


@needs_qemu
def test_every_machine_that_names_a_cortex_m_is_a_target() -> None:
    known = machines(find_qemu())
    names = qemu_target._cortex_m(known)
    assert len(names) > 15
    assert {derived(name).mcu.core for name in names} >= {"cortex-m0", "cortex-m3", "cortex-m33"}


@needs_qemu
def test_a_first_core_without_fpu_and_dsp_is_another_core_than_the_second() -> None:
    """Of the two Cortex-M33 of the SSE-200, only the second has the options."""
    assert derived("mps2-an521").mcu.core == "cortex-m33-nofp"


@needs_qemu
@pytest.mark.parametrize(
    ("machine", "core"), [("versatilepb", "arm926"), ("none", "no core at all")]
)
def test_a_machine_without_a_cortex_m_is_refused(machine: str, core: str) -> None:
    with pytest.raises(InputError) as caught:
        derived(machine)
    assert caught.value.what == f"the machine {machine} has no Cortex-M, but {core}"
    assert caught.value.where == f"qemu:{machine}"
    assert "machines with a Cortex-M: " in caught.value.remedy
    assert "mps2-an385" in caught.value.remedy


@needs_qemu
@pytest.mark.parametrize("machine", ["mps2-an38", "mps2-an385,accel=kvm", "mps2_an38"])
def test_a_machine_that_is_unknown_has_near_names(machine: str) -> None:
    with pytest.raises(InputError) as caught:
        derived(machine)
    assert caught.value.what.startswith(f"unknown target 'qemu:{machine}': ")
    assert "did you mean mps2-an38" in caught.value.remedy


@needs_qemu
def test_without_a_name_all_machines_with_a_cortex_m_are_listed() -> None:
    with pytest.raises(InputError) as caught:
        derived("")
    assert caught.value.remedy.startswith("known: ")
    assert "microbit" in caught.value.remedy


# Other programs that call themselves QEMU


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    """Put a QEMU with one machine on PATH that executes the lines `machine` when it starts."""
    path = tmp_path / "qemu-system-arm"
    path.write_text(
        f"""#!/bin/sh
case "$*" in
*help) echo 'Supported machines are:'; echo 'toy   Toy (Cortex-M3)'; exit;;
esac
{machine}
"""
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    qemu_target.derive.cache_clear()


def test_a_machine_that_does_not_start_says_what_qemu_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(tmp_path, monkeypatch, "echo 'toy: needs a ROM' >&2; exit 1")
    with pytest.raises(InfrastructureError) as caught:
        derived("toy")
    assert caught.value.what == (
        "QEMU ended when the harness asked it about the machine\ntoy: needs a ROM"
    )
    assert caught.value.where == "qemu:toy"
    assert "write a target file" in caught.value.remedy


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"", "QEMU did not answer within 0.05 s"),
        (b"nonsense\n", "QEMU answered b'nonsense'"),
        (b'{"QMP": {}}\n', "QEMU did not answer within 0.05 s"),
        (b"[" * 200_000 + b"\n", "QEMU answered b'[[["),
        (b'{"QMP": {}}\n[1]\n"text"\n{"event": "STOP"}\n', "QEMU did not answer within 0.05 s"),
    ],
)
def test_a_monitor_that_answers_badly_is_an_error(
    said: bytes, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qemu_monitor, "_DEADLINE", 0.05)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sender = threading.Thread(target=theirs.sendall, args=(said,))
        sender.start()
        with pytest.raises(InfrastructureError) as caught:
            QemuMonitor(ours)
        sender.join()
    assert caught.value.what.startswith(reason)


class Answers(QemuMonitor):
    """A monitor with the answers of another QEMU."""

    def __init__(self, qtree: str = "", mtree: str = "", **properties: Any) -> None:
        self._texts = {"qtree": qtree, "mtree -f": mtree}
        self._properties = properties

    def cpus(self) -> list[str]:
        return ["/machine/cpu"]

    def property(self, path: str, name: str) -> Any:
        return self._properties.get(name)

    def print(self, what: str) -> str:
        return self._texts[what]


def systick(frequency: str) -> str:
    return f'dev: armv7m_systick, id ""\n  clock-in "cpuclk" freq_hz={frequency}\n'


M3 = {"type": "cortex-m3-arm-cpu"}
MEMORY = view(FLASH, SRAM)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (
            Answers(type="cortex-m99-arm-cpu"),
            "the firmware has no compiler flags for its core, cortex-m99",
        ),
        (
            Answers(type="cortex-m33-arm-cpu", vfp=True, dsp=False),
            "the firmware has no compiler flags for its core, cortex-m33",
        ),
        (Answers(**M3), "`info mtree -f` shows no memory of the first core"),
        (Answers(mtree=MEMORY, **M3), "`info qtree` shows no frequency of SysTick"),
        (Answers(systick("0 Hz"), MEMORY, **M3), "`info qtree` shows no frequency of SysTick"),
        (
            Answers(systick("4 MHz"), MEMORY, **M3),
            "SysTick counts at 4,000,000 Hz, too slowly to count instructions",
        ),
    ],
)
def test_what_cannot_be_derived_is_said(answers: Answers, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        qemu_target._target("toy", {"toy": "Toy"}, answers)
    assert caught.value.what == f"no target can be derived from the machine toy: {reason}"
    assert caught.value.where == "qemu:toy"
    assert "docs/cores.md" in caught.value.remedy


def test_the_last_systick_is_that_of_the_first_core() -> None:
    text = systick("8 MHz") + systick("0.5 GHz")
    target = qemu_target._target("toy", {"toy": "Toy"}, Answers(text, MEMORY, **M3))
    assert target.counter.hz == 500_000_000
