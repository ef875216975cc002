"""A stand-in for Renode, run as one: for machines without a Renode, and for what goes wrong.

It answers the Monitor's commands with what a real Renode answered to them
(tests/data/renode/transcript.json). There is no STM32F4 in it: the image that it is
given runs in QEMU, behind the pseudoterminal. So it can show how the harness deals with
Renode, and nothing about Renode itself; no instruction count of Renode's is tested on it.

$RENODE_DOUBLE, a JSON object, says what goes wrong:
  version       the text to answer --version with
  answers       {part of a command: the name of the exchange to answer with instead}
  slow          {part of a command: seconds to wait in the middle of the answer}
  half          part of a command whose answer ends after its first line
  die           part of a command at which to end, with exit code 134
  log           {part of a command: a line for the log file}
  miscount      how many instructions more than the device's counter an inference takes
  accesses      lines for the log file before each answer to RUN, within the inference
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tty
from contextlib import suppress
from pathlib import Path
from typing import Any

from harness.board.gdbstub import Gdbstub
from harness.board.renode.renode_log import READING
from harness.elf import Elf
from harness.link.batch import Queue
from harness.link.channel import Channel, LineClosedError
from harness.link.frame import FrameDecoder
from harness.link.messages import Message, Welcome, parse_result, parse_welcome

TRANSCRIPT = Path(__file__).parents[1] / "data" / "renode" / "transcript.json"
QEMU = ["qemu-system-arm", "-M", "netduinoplus2", "-icount", "shift=0"]
QEMU += ["-display", "none", "-monitor", "none", "-serial", "chardev:line", "-gdb", "chardev:gdb"]
CREATED = re.compile(r'mach create "?([^" ]+)"?')
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
MEMORIES = (range(0x0800_0000, 0x0820_0000), range(0x2000_0000, 0x2004_0000))

# Which exchange a command is answered from, unless told otherwise: the first that fits.
ANSWERS = {
    "python": "variable",
    "SetHookAfterPeripheralRead": "variable",
    "logFile": "log file",
    "mach create": "create",
    "LoadPlatformDescription": "platform",
    "include": "platform",
    "SetGlobalAdvanceImmediately": "advance",
    "SetGlobalQuantum": "quantum",
    "CreateUartPtyTerminal": "terminal",
    "connector Connect": "connect",
    "peripherals": "peripherals",
    "LoadELF": "elf",
    "ReadDoubleWord": "read",
    "WriteDoubleWord": "write",
    " Model": "model",
    "IsHalted": "halted",
    "GetArmFeature": "feature",
    "LoadBinary": "variable",
    "dump_file": "variable",
    "AddHook": "variable",
    "logLevel": "variable",
    "UnhandledAccessBehaviour": "variable",
    "GetRegister": "register",
    "PC": "pc",
    "start": "start",
    "pause": "pause",
    "$": "variable",
}


class Double:
    """One run of the stand-in; `told` is what $RENODE_DOUBLE says."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told
        recorded = json.loads(TRANSCRIPT.read_text())
        self.greeting: str = recorded["greeting"]
        self.hear = {one["name"]: one["hear"] for one in recorded["exchanges"]}
        self.machine = "monitor"
        self.words: dict[int, int] = {}
        self.executed = 0
        self.log: Path | None = None
        self.elf = ""
        self.counts = False  # a hook has been set
        self.decoder = FrameDecoder()
        self.welcome: Welcome | None = None
        self.line = -1
        self.qemu: subprocess.Popen[bytes] | None = None
        self.paused = False
        self.memory: Gdbstub | None = None
        self.memory_in_use = threading.Lock()

    def run(self) -> None:
        write(self.greeting)
        for text in sys.stdin:
            self.answer(text.rstrip("\n"))
        if self.qemu is not None:
            self.qemu.kill()
            self.qemu.wait()

    def answer(self, command: str) -> None:
        for line in self.wanted("log", command):
            self.write_log(line)
        self.obey(command)
        name = next(iter(self.wanted("answers", command)), None) or next(
            (name for part, name in ANSWERS.items() if part in command), "unknown command"
        )
        if command.startswith("macro"):
            name = "variable"  # it is executed later, if at all
        hear = self.hear[name].replace("bogus", command)
        hear = re.sub(r"0x[0-9A-Fa-f]+(?=\r\r\n)", lambda _: f"0x{self.value(command):X}", hear)
        said = command + re.sub(r"\([^()]+\) $", f"({self.machine}) ", hear)
        if self.told.get("die") and self.told["die"] in command:
            os._exit(134)
        if self.told.get("half") and self.told["half"] in command:
            write(said[: len(command) + 2])
            time.sleep(60)
        for seconds in self.wanted("slow", command):
            write(said[: len(said) // 2])
            said = said[len(said) // 2 :]
            time.sleep(seconds)
        write(said)

    def wanted(self, key: str, command: str) -> list[Any]:
        return [value for part, value in self.told.get(key, {}).items() if part in command]

    def write_log(self, line: str) -> None:
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"22:35:47.8053 {line}\n")

    def obey(self, command: str) -> None:
        """Do what the answer says was done."""
        strings = [text.replace('\\"', '"') for text in STRING.findall(command)]
        if created := CREATED.match(command):
            self.machine = created[1]
        elif command.startswith(("include", "logFile", "$harness_image=")):
            self.take(command, Path(strings[0]))
        elif command.startswith("sysbus LoadELF"):
            self.load()
        elif "AddHook" in command:
            self.counts = True
        elif "WriteDoubleWord" in command:
            address, value = (int(part, 0) for part in command.split()[-2:])
            self.words[address] = value
        elif "CreateUartPtyTerminal" in command:
            self.open_line(strings[1])
        elif "LoadBinary" in command or "dump_file" in command:
            self.copy_memory(command.split(), Path(strings[0]))
        elif command == "start":
            self.start()
        elif command == "pause" and self.qemu is not None:
            self.qemu.send_signal(signal.SIGSTOP)
            self.paused = True

    def take(self, command: str, file: Path) -> None:
        if command.startswith("$"):
            self.elf = str(file)
        elif command.startswith("logFile"):
            self.log = file
            self.log.write_text("22:35:47.8053 [INFO] System bus created.\n")
        else:
            for line in file.read_text().splitlines() if file.is_file() else ():
                self.obey(line.replace("$name", "dut"))

    def load(self) -> None:
        if not Path(self.elf).is_file():
            return
        for segment in Elf(Path(self.elf)).segments():
            for offset in range(0, len(segment.data), 4):
                word = segment.data[offset : offset + 4].ljust(4, b"\0")
                self.words[segment.address + offset] = int.from_bytes(word, "little")

    def value(self, command: str) -> int:
        if "ReadDoubleWord" in command:
            address = int(command.rsplit(maxsplit=1)[-1], 0)
            held = any(address in memory for memory in MEMORIES)
            return self.words.get(address, 0) if held else 0
        return 0x0800_3500

    def open_line(self, link: str) -> None:
        self.line, slave = os.openpty()
        tty.setraw(slave)
        os.symlink(os.ttyname(slave), link)

    def start(self) -> None:
        if self.qemu is not None:
            self.qemu.send_signal(signal.SIGCONT)
            self.paused = False
            return
        folder = tempfile.mkdtemp(dir="/tmp")  # a short path: a socket allows 107 bytes
        path = f"{folder}/line"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path)
            server.listen(1)
            gdb, theirs = socket.socketpair()
            chardev = ["-chardev", f"socket,id=line,path={path}", "-kernel", self.elf]
            chardev += ["-chardev", f"socket,id=gdb,fd={theirs.fileno()}", "-S"]
            self.qemu = subprocess.Popen([*QEMU, *chardev], pass_fds=[theirs.fileno()])
            theirs.close()
            device, _ = server.accept()
        shutil.rmtree(folder)
        self.gdb = gdb
        self.memory = Gdbstub(Channel(gdb.fileno(), name="QEMU's gdbstub"), runs=False)
        with suppress(LineClosedError):  # QEMU ends at once without an image
            self.memory.start()
        threading.Thread(target=self.copy_to, args=(device.fileno(),), daemon=True).start()
        threading.Thread(target=self.copy_from, args=(device.fileno(),), daemon=True).start()
        self.device = device

    def copy_memory(self, words: list[str], file: Path) -> None:
        if words[0] == "dump_file":
            file.write_bytes(self.read_memory(int(words[1], 0), int(words[2], 0)))
        elif self.memory is not None:  # before the start, QEMU does not run yet
            with self.memory_in_use:
                self.memory.write(int(words[-1], 0), file.read_bytes())

    def read_memory(self, address: int, size: int) -> bytes:
        assert self.memory
        assert self.qemu
        with self.memory_in_use:
            self.qemu.send_signal(signal.SIGCONT)  # QEMU itself has to answer
            data = self.memory.read(address, size)
            if self.paused:
                self.qemu.send_signal(signal.SIGSTOP)
            return data

    def copy_to(self, device: int) -> None:
        while data := os.read(self.line, 4096):
            os.write(device, data)

    def copy_from(self, device: int) -> None:
        while data := os.read(device, 4096):
            for payload in self.decoder.feed(data):
                if payload and self.counts:
                    self.read_counter(payload[0], payload[2:])
            os.write(self.line, data)

    def read_counter(self, message: int, body: bytes) -> None:
        """Write to the log what the hook would have written before the device's `message`."""
        if message == Message.WELCOME:
            self.welcome = parse_welcome(body)
            self.write_bracket(self.welcome.counter_overhead)
        elif message == Message.RESULT and self.welcome:
            ticks = parse_result(body, self.welcome).ticks + self.welcome.counter_overhead
            self.write_inference(ticks)
        elif message == Message.BATCHED and self.welcome:
            self.read_batch(int.from_bytes(body, "little"), self.welcome)

    def read_batch(self, count: int, welcome: Welcome) -> None:
        """The same for each inference of a batch: QEMU's counter is exact."""
        start, end = Elf(Path(self.elf)).symbols("queue_start", "queue_end") or (0, 0)
        queue = Queue(range(start, end), 0)
        read = self.read_memory(start, queue.result_bytes(count, welcome))
        for result in queue.results(read, welcome):
            self.write_inference(result.ticks + welcome.counter_overhead)

    def write_inference(self, ticks: int) -> None:
        accesses = self.told.get("accesses", ())
        self.write_bracket(ticks + self.told.get("miscount", 0), *accesses)

    def write_bracket(self, instructions: int, *accesses: str) -> None:
        self.write_log("[INFO] cpu: " + READING.format(self.executed))
        for line in accesses:
            self.write_log(line)
        self.executed += instructions
        self.write_log("[INFO] cpu: " + READING.format(self.executed))


def write(text: str) -> None:
    os.write(1, text.encode())


if __name__ == "__main__":
    told = json.loads(os.environ.get("RENODE_DOUBLE", "{}"))
    if "--version" in sys.argv:
        print(told.get("version", json.loads(TRANSCRIPT.read_text())["version"]), end="")
    else:
        Double(told).run()
