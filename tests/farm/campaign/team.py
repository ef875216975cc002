"""A person of the team: a repository and a temporary folder of its own, and sessions there."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from harness.results.record import Record
from harness.results.record_file import read_record
from harness.support.owned_process import OwnedProcess
from harness.workspace import Workspace
from tests.support.farm import CHIP, target_file

MODELS = ("anomaly", "gesture", "digits")
"""Three models with few instructions."""
WAIT = 120
"""Seconds that a session waits for a place."""
DEADLINE = 300.0
"""Seconds after which a session hangs; it may wait for a place several times."""

_VECTORS = 10
_TEST = '''"""The suite of a user."""


def test_the_model(dut):
    dut.run().check()
'''


@dataclass
class Session:
    """A running command of a person."""

    command: Sequence[str]
    process: OwnedProcess
    output: Path
    is_killed: bool = False
    started: float = field(default_factory=time.monotonic)

    def kill(self, choice: float) -> bool:
        """Kill one of its processes: the part `choice` of them; return whether it lived."""
        try:
            processes = psutil.Process(self.process.pid).children(recursive=True)
            processes[int(choice * len(processes))].kill()
        except (psutil.NoSuchProcess, IndexError):
            return False
        self.is_killed = True
        return True


class Person:
    """A member of the team; `images` is a folder of images that need not be built again."""

    def __init__(self, folder: Path, environment: dict[str, str], images: Path | None) -> None:
        self.workspace = Workspace(folder / "repository")
        self._sessions = 0
        self._logs = folder / "logs"
        self._environment = {**os.environ, **environment, "TMPDIR": str(folder / "tmp")}
        for each in (folder / "tmp", self._logs, folder / "repository" / "targets"):
            each.mkdir(parents=True)
        root = self.workspace.root
        (root / "harness.toml").write_text("")
        (root / "test_suite.py").write_text(_TEST)
        tags = target_file().rstrip() + f'\nboard.tags = {{ chip = "{CHIP}" }}\n'
        (root / "targets" / "shelf.toml").write_text(tags)
        desk = target_file().replace('board.kind = "labgrid"', 'board.kind = "virtual"')
        (root / "targets" / "desk.toml").write_text(f'{desk}board.chip = "{CHIP}"\n')
        if images:
            shutil.copytree(images, self.workspace.images)

    def harness(self, *arguments: str) -> Session:
        """Start a command of the harness."""
        return self._start("-P", "-m", "harness", *arguments)

    def run(self, target: str, models: Sequence[str], place: str = "") -> Session:
        """Start `harness run`."""
        return self.harness("run", *_choice(target, models, place))

    def suite(self, models: Sequence[str], workers: int) -> Session:
        """Start pytest with the user's own suite, on any places."""
        xdist = ("-n", str(workers), "-p", "no:cacheprovider")
        return self._start("-m", "pytest", *xdist, *_choice("shelf", models, ""))

    def push(self) -> Session:
        """Start the command that adds all Records to the store."""
        return self.harness("push")

    def records(self) -> Iterator[tuple[Path, Record]]:
        """Yield the Records that were written, with their files."""
        for path in sorted(self.workspace.runs.glob("*.json")):
            yield path, read_record(path)

    def count(self) -> int:
        """Return how many Records were written."""
        return len(list(self.workspace.runs.glob("*.json")))

    def _start(self, *arguments: str) -> Session:
        self._sessions += 1
        output = self._logs / f"{self._sessions}.txt"
        command = ["env", "-C", str(self.workspace.root), sys.executable, *arguments]
        with output.open("wb") as log:
            process = OwnedProcess(command, log, environment=self._environment)
        return Session(command[3:], process, output)


def _choice(target: str, models: Sequence[str], place: str) -> list[str]:
    wait = [f"--lock-timeout={WAIT}"] if target == "shelf" else []
    where = [f"--place={place}"] if place else []
    chosen = [f"--model={model}" for model in models]
    return [f"--target={target}", f"--vectors={_VECTORS}", *chosen, *wait, *where]


def images_of(person: Person) -> Path:
    """Return the images, after `person` has run every model on its desk."""
    session = person.run("desk", MODELS)
    if not session.process.wait(DEADLINE) or session.process.poll() != 0:
        raise subprocess.SubprocessError(session.output.read_text(errors="replace"))
    return person.workspace.images
