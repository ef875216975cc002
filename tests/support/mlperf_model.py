"""What docs/mlperf.md says a device answers: the device of tests/fuzz/fuzz_mlperf.c."""

import re
import struct
from collections.abc import Callable

from tests.support.mlperf_cases import INPUT_SIZE

_COMMAND_SIZE = 80
_RESULTS = 3
_REFUSED = 0xEE  # as the last byte: the input cannot be taken over
_PATIENCE = 1000  # inferences, then the engine fails
_LARGEST = 2**31 - 1
BOOT = [
    "m-timestamp-mode-performance",
    f"m-lap-us-{2**32 - 1}",
    "m-init-done",
    "m-ready",
]


class MlperfModel:
    """A device after its start. `input` is what is loaded; `helpful` is what `help` says."""

    def __init__(self, helpful: list[str]) -> None:
        self.input = b""
        self._wanted = 0
        self._now = 2**32
        self._inferences = 0
        self._results = ""
        self._command = ""
        profile = ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[none01]"]
        self._answers: dict[str, Callable[[list[str]], list[str]]] = {
            "name": lambda _: ["m-name-dut-[nobody]"],
            "profile": lambda _: profile,
            "timestamp": lambda _: [self._timestamp()],
            "help": lambda _: helpful,
            "db": self._db,
            "infer": self._infer,
            "results": lambda _: [self._results or "e-[There are no results: 'infer' comes first]"],
        }

    def receive(self, line: bytes) -> list[str]:
        """Return the lines that the device answers `line` with."""
        answered = []
        for byte in line:
            if byte == ord("%"):
                answered += [*self._answer(self._command), "m-ready"]
                self._command = ""
            elif ord(" ") <= byte <= ord("~"):
                self._command += chr(byte)
        return answered

    def _answer(self, command: str) -> list[str]:
        if len(command) > _COMMAND_SIZE:
            return [f"e-[Command longer than {_COMMAND_SIZE} characters]"]
        name, *words = command.split() or [""]
        answer = self._answers.get(name)
        return [f"e-[Unknown command: {name}]"] if answer is None else answer(words)

    def _timestamp(self) -> str:
        self._now += 1
        return f"m-lap-us-{self._now - 1}"

    def _db(self, words: list[str]) -> list[str]:
        match words:
            case []:
                return ["e-[Command 'db' requires a subcommand]"]
            case ["load"]:
                return ["e-[Command 'db load' requires the # of bytes]"]
            case ["load", size, *_]:
                return [self._announce(_number(size))]
            case ["print", *_]:
                lines = (self.input[at : at + 8] for at in range(0, len(self.input), 8))
                return [f"m-buffer-{line.hex('-')}" for line in lines]
        return self._take(words[0])

    def _announce(self, size: int) -> str:
        self.input, self._wanted = b"", 0
        if size <= 0:
            return "e-[Command 'db load' must be >0 bytes]"
        if size > INPUT_SIZE:
            return f"e-[Supplied buffer size {size} exceeds the input's]"
        self._wanted = size
        return f"m-[Expecting {size} bytes]"

    def _take(self, digits: str) -> list[str]:
        if len(digits) % 2:
            return ["e-[Insufficent number of hex digits]"]
        pairs = (digits[at : at + 2] for at in range(0, len(digits), 2))
        for pair in pairs:
            if not re.fullmatch("[0-9a-fA-F]{2}", pair):
                return [f"e-[Invalid hex digit '{pair}']"]
        if len(self.input) == self._wanted:
            return ["e-[Command 'db' expects no bytes: 'db load' comes first]"]
        self.input = (self.input + bytes.fromhex(digits))[: self._wanted]
        return ["m-load-done"] if len(self.input) == self._wanted else []

    def _infer(self, words: list[str]) -> list[str]:
        iterations, warmups = (
            _number(words[place]) if len(words) > place else default
            for place, default in ((0, 1), (1, 10))
        )
        if iterations <= 0:
            return ["e-[Inference iterations must be >0]"]
        if warmups < 0:
            return ["e-[Inference warmup must be >=0]"]
        if len(self.input) < INPUT_SIZE:
            return [f"e-[The input has {len(self.input)} of {INPUT_SIZE} bytes]"]
        return self._series(iterations, warmups)

    def _series(self, iterations: int, warmups: int) -> list[str]:
        self._results = ""
        if self.input[-1] == _REFUSED:
            return ["e-[The engine failed: status 7]"]
        lines = [f"m-warmup-start-{warmups}"]
        if not self._engine_works(warmups):
            return [*lines, "e-[The engine failed: status 5]"]
        lines += ["m-warmup-done", f"m-infer-start-{iterations}", self._timestamp()]
        if not self._engine_works(iterations):
            return [*lines, "e-[The engine failed: status 5]"]
        numbers = map(_decimal, struct.unpack(f"={_RESULTS}i", self.input[: 4 * _RESULTS]))
        self._results = f"m-results-[{','.join(numbers)}]"
        return [*lines, self._timestamp(), "m-infer-done", self._results]

    def _engine_works(self, inferences: int) -> bool:
        self._inferences += inferences
        return inferences == 0 or self._inferences <= _PATIENCE


def _number(word: str) -> int:
    """What C's atoi() makes of a word, at most what 32 bits hold."""
    found = re.match(r"[+-]?\d+", word)
    number = int(found[0]) if found else 0
    return max(-_LARGEST, min(number, _LARGEST))


def _decimal(thousandths: int) -> str:
    whole, fraction = divmod(abs(thousandths), 1000)
    return f"{'-' if thousandths < 0 else ''}{whole}.{fraction:03}"
