"""One trial of a fault: a repository of its own, and the judgement on each command run there."""

import os
import random
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.results.record import Record
from harness.results.record_file import read_record
from tests.faults.findings import Kind, Tally
from tests.faults.leftovers import MARK, files, orphans
from tests.faults.truth import QEMU, VIRTUAL, Carrier, Truth

DEADLINE = 120.0
"""Seconds after which a command hangs. All ends that the harness promises come earlier."""

_PATIENCE = 8.0  # seconds for the processes of a killed command to end
_SILENT = (1, 4, 141)  # a verdict is in the table; the reader of the output has gone
_TRUTH = ("instructions_median", "flash", "ram", "accuracy", "bytes_differing")


@dataclass(frozen=True)
class Ended:
    """How a command ended. A signal's code is negative; a command that `hung` was killed."""

    code: int
    output: str
    errors: str
    hung: bool


class Case:
    """A repository in `root`, a private temporary folder, and the findings of one trial.

    `virtual` and `qemu` are targets whose link has the `carrier`.
    """

    def __init__(
        self, folder: Path, name: str, seed: int, truth: Truth, carrier: Carrier = "serial"
    ) -> None:
        self.root = folder / "repository"
        self.temporary = folder / "tmp"
        self.random = random.Random(f"{name}/{seed}")
        self.carrier: Carrier = carrier
        self.virtual, self.qemu = VIRTUAL[carrier], QEMU[carrier]
        self.tally = Tally()
        self.texts: list[str] = []
        self._name = f"{name}, seed {seed}"
        self._mark = uuid.uuid4().hex
        self._truth = truth.records
        self.temporary.mkdir(parents=True)
        shutil.copytree(truth.images, self.root / "build" / "images")  # no case has to compile

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the commands of this case."""
        return {**os.environ, MARK: self._mark, "TMPDIR": str(self.temporary)} | {
            "XDG_RUNTIME_DIR": str(self._runtime_folder()),
        }

    def found(self, kind: Kind, text: str) -> None:
        """Report a finding."""
        self.tally.findings[kind] += 1
        self.texts.append(f"{kind.value}: {self._name}: {text}")

    def harness(
        self,
        *arguments: str,
        ends: Collection[int] = (0,),
        during: Callable[["subprocess.Popen[bytes]"], None] | None = None,
        records: int | None = None,
        environment: Mapping[str, str] = {},
        command: tuple[str, ...] = (sys.executable, "-m", "harness"),
    ) -> Ended:
        """Run the command, and judge its end.

        The exit code must be one of `ends`. `during` is called while the command runs. After it,
        `reports/runs` must hold at least `records` readable Records, and each must be true.
        """
        ended = self._run([*command, *arguments], during, environment)
        self._judge_end(ended, ends)
        self._judge_leftovers(killed=-signal.SIGKILL in ends)
        self._judge_records(records)
        return ended

    def records(self) -> list[Record]:
        """Return the Records in `reports/runs`; one that cannot be read is a lost Record."""
        found = []
        for path in sorted((self.root / "reports" / "runs").glob("*.json")):
            try:
                found.append(read_record(path))
            except HarnessError as error:
                self.found(Kind.LOST_RECORD, str(error))
        return found

    def _run(
        self,
        command: list[str],
        during: Callable[["subprocess.Popen[bytes]"], None] | None,
        environment: Mapping[str, str],
    ) -> Ended:
        # Files, not pipes: an orphan may keep a pipe open, which is a finding of another kind.
        output, errors = (self.temporary.parent / name for name in ("stdout", "stderr"))
        with output.open("wb") as stdout, errors.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                cwd=self.root,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
            hung = False
            try:
                if during is not None:
                    during(process)
                process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                hung = True
                self.found(Kind.HANG, f"{' '.join(command[1:])}: no end after {DEADLINE:g} s")
            finally:
                process.kill()
                process.wait()
        said, complained = (path.read_text(errors="replace") for path in (output, errors))
        return Ended(process.returncode, said, complained, hung)

    def _judge_end(self, ended: Ended, ends: Collection[int]) -> None:
        said = ended.output + ended.errors
        if ended.hung:
            return
        if ended.code not in ends:
            self.found(Kind.UNCLEAR_ERROR, f"exit code {ended.code}, not {ends}: {said[-2000:]}")
        elif "Traceback (most recent call last)" in said:
            self.found(Kind.UNCLEAR_ERROR, f"a traceback: {said[-2000:]}")
        elif ended.code > 0 and ended.code not in _SILENT and not ended.errors.strip():
            self.found(Kind.UNCLEAR_ERROR, f"exit code {ended.code} without a message")

    def _judge_leftovers(self, *, killed: bool) -> None:
        for process, line in orphans(self._mark, _PATIENCE).items():
            self.found(Kind.ORPHAN, f"process {process}: {line}")
            os.kill(process, signal.SIGKILL)
        if not killed:  # the next command removes what a killed one left
            for path in files(self.root, self.temporary):
                self.found(Kind.ORPHAN, str(path))

    def _judge_records(self, least: int | None) -> None:
        found = self.records()
        if least is not None and len(found) < least:
            self.found(Kind.LOST_RECORD, f"{len(found)} of {least} Records in reports/runs")
        for record in found:
            true = self._truth.get(f"{record.target.name}/{record.model.name}")
            if true is None or record.verdict == "failed":
                continue
            for number in _TRUTH:
                ours, theirs = record.numbers.get(number), true.numbers.get(number)
                if ours != theirs:
                    self.found(Kind.WRONG_NUMBER, f"{number}: {ours}, {theirs} is true")

    def _runtime_folder(self) -> Path:
        folder = self.temporary.parent / "runtime"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder
