"""The Monitor's answers, and what comes of a Monitor that does not give one."""

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.board.renode.monitor import Monitor, MonitorRefusedError, answer_of, quoted
from harness.errors import InfrastructureError, InputError
from harness.support.owned_process import OwnedProcess
from tests.support.renode_double import TRANSCRIPT

RECORDED = json.loads(TRANSCRIPT.read_text())
SAID = {one["name"]: one["say"] for one in RECORDED["exchanges"]}
HEARD = {one["name"]: one["say"] + one["hear"] for one in RECORDED["exchanges"]}

REFUSED = {
    "unknown command": "No such command or device: bogus",
    "no file": "Could not find file '/folder/nothing.repl'.",
    "no using": "Error E36: Using 'nothing.repl' does not exist.",
    "syntax": "Error E00: Syntax error, unexpected ':'; expected end of input",
    "no type": "Error E04: Could not resolve type: 'UART.NoSuch'.",
    "twice": "Error E02: Variable 'usart1' was already declared",
    "no script": "File does not exist: /folder/nothing.resc",
    "other firmware": "Could not find any address for symbol: nowhere",
    "terminal exists": "File `/folder/line' already exists.",
    "no uart": "Parameters did not match the signature",
    "not a uart": "Could not find a way to connect MappedMemory to UartPtyTerminal",
    "no elf": "Parameters did not match the signature",
    "no core": "No such command or device: sysbus.cpu7",
    "elf while running": "Cannot load ELF on an unpaused machine.",
}


@contextmanager
def monitor_of(script: str, tmp_path: Path) -> Iterator[Monitor]:
    """Yield the Monitor of a Python program that calls `hear()` for a line and `say(text)`."""
    prelude = (
        "import os, sys, time\n"
        "hear = sys.stdin.readline\n"
        "def say(text): os.write(1, text.encode())\n"
        "say('Renode\\n\\r\\n\\r(monitor) ')\n"
    )
    with (tmp_path / "log").open("wb") as log:
        process = OwnedProcess([sys.executable, "-c", prelude + script], log, talks=True)
    try:
        monitor = Monitor(process.stdin, process.stdout, where="bench")
        assert monitor.greet(10).startswith("Renode")
        yield monitor
    finally:
        process.stop()


def replay(name: str) -> str:
    """Return a program that answers one line with the recorded exchange `name`."""
    return f"hear()\nsay({HEARD[name]!r})\nhear()\n"


@pytest.mark.parametrize("name", sorted(HEARD.keys() - REFUSED.keys()))
def test_an_answer_is_what_stands_between_echo_and_prompt(name: str, tmp_path: Path) -> None:
    with monitor_of(replay(name), tmp_path) as monitor:
        answer = monitor.command(SAID[name], 10)
    assert not answer.startswith(SAID[name])
    assert "(dut)" not in answer
    assert "\r" not in answer


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_error_is_one_whatever_renode_calls_it(name: str, tmp_path: Path) -> None:
    with (
        monitor_of(replay(name), tmp_path) as monitor,
        pytest.raises(MonitorRefusedError) as caught,
    ):
        monitor.command(SAID[name], 10)
    assert REFUSED[name] in caught.value.what
    assert caught.value.what.startswith(SAID[name])


@pytest.mark.parametrize(
    ("name", "number"),
    [("read", 0x2000_2000), ("executed", 0x2846), ("pc", 0x0800_36B8), ("register", 0x0800_2AE5)],
)
def test_a_number_is_read_as_renode_writes_it(name: str, number: int, tmp_path: Path) -> None:
    with monitor_of(replay(name), tmp_path) as monitor:
        assert monitor.number(SAID[name]) == number


def test_an_answer_that_is_no_number_is_not_taken_for_one(tmp_path: Path) -> None:
    with (
        monitor_of(replay("start"), tmp_path) as monitor,
        pytest.raises(InfrastructureError, match="is not a number: 'Starting emulation"),
    ):
        monitor.number("start")


def test_the_prompt_names_the_machine(tmp_path: Path) -> None:
    with monitor_of(replay("script"), tmp_path) as monitor:
        assert monitor.machine == "monitor"
        monitor.command(SAID["script"])
        assert monitor.machine == "second"


def test_an_answer_that_comes_in_pieces_is_waited_for(tmp_path: Path) -> None:
    text = HEARD["syntax"].replace("(dut) ", "")
    script = (
        f"hear()\nfor letter in {text!r}: say(letter)\n"
        "time.sleep(.2)\nsay('(du')\ntime.sleep(.2)\nsay('t) ')\nhear()\n"
    )
    with monitor_of(script, tmp_path) as monitor, pytest.raises(MonitorRefusedError):
        monitor.command(SAID["syntax"], 10)


def test_half_a_line_and_then_nothing_has_a_deadline(tmp_path: Path) -> None:
    with monitor_of("hear()\nsay('start\\n\\rStarting emu')\nhear()\n", tmp_path) as monitor:
        begin = time.monotonic()
        with pytest.raises(InfrastructureError) as caught:
            monitor.command("start", 0.5)
        assert 0.4 < time.monotonic() - begin < 5
    assert str(caught.value) == (
        "bench: Renode gave no prompt within 0.5 s after start; its output:\nstart\nStarting emu\n"
        "  -> is this machine overloaded, or does the platform download a file?"
    )


def test_a_renode_that_dies_in_the_middle_is_told_apart(tmp_path: Path) -> None:
    with (
        monitor_of("hear()\nsay('start\\n\\rUnhandled excep')\n", tmp_path) as monitor,
        pytest.raises(InfrastructureError, match=r"after start; its output:\nstart\nUnhandled"),
    ):
        monitor.command("start", 10)


def test_a_renode_that_is_gone_is_told_apart(tmp_path: Path) -> None:
    with monitor_of("", tmp_path) as monitor:
        time.sleep(0.5)
        with pytest.raises(InfrastructureError, match="Renode ended after start"):
            monitor.command("start", 10)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/a/b.elf", '"/a/b.elf"'),
        ("/a b/c.elf", '"/a b/c.elf"'),
        ("p/c.repl", '"p/c.repl"'),
        ("/it's;a,b", '"/it\'s;a,b"'),
        ('/a"b".elf', r'"/a\"b\".elf"'),
        (r"/a\b", r'"/a\b"'),
    ],
)
def test_a_path_is_quoted_as_the_monitor_takes_it(path: str, text: str) -> None:
    assert quoted(path) == text


@pytest.mark.parametrize("path", ["/a\nb", "/a\tb", "/a\0b", '/a\\"b', "/a\\", "/a\udcff"])
def test_a_path_that_the_monitor_cannot_take_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="Renode cannot take a path with a control character"):
        quoted(path)


@given(st.text(min_size=1))
def test_no_path_ends_its_string(path: str) -> None:
    """The Monitor's own pattern for a string, in Renode's Tokenizer.cs."""
    try:
        text = quoted(path)
    except InputError:
        return
    assert re.fullmatch(r'"[^"\\]*(?:\\.[^"\\]*)*"', text)
    assert text[1:-1].replace('\\"', '"') == path


LINES = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20))


@given(LINES, st.sampled_from(["\n", "\r\n", "\n\r", "\r\r\n"]))
def test_any_answer_comes_out_as_it_is(lines: list[str], ending: str) -> None:
    said = ending.join(["peripherals", *lines, "(dut) "]).encode()
    expected = "\n".join(lines).strip()
    assert answer_of(said, "peripherals") == expected


@given(st.binary(max_size=200))
def test_whatever_renode_says_is_text(said: bytes) -> None:
    assert isinstance(answer_of(said, "x"), str)


def test_the_recorded_renode_is_one_that_is_supported() -> None:
    assert RECORDED["version"].startswith("Renode v1.16.1")
    assert os.linesep.join(sorted(REFUSED))  # each is a recorded one
    assert REFUSED.keys() <= HEARD.keys()
