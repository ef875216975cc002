"""Runs for the blocks: each combination runs once, and the tools that it used are noted."""

import io
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

import harness
from harness.engines.registry import DEFAULT_ENGINE, find_engine
from harness.image.build import Image, build_image
from harness.image.toolchain import DEFAULT_OPT, find_toolchain
from harness.model.folder import Model, find_model
from harness.report.plain_text import shown_compiler
from harness.results.record import Record
from harness.results.run_record import record_of
from harness.runs.link_run import Run
from harness.support.git_commit import git
from harness.target.find_target import find_target
from harness.target.target_file import Target
from harness.workspace import Workspace

WIDTH = 80
"""Characters of the terminal that the pages show."""

_EMULATOR = re.compile(r"\b(QEMU|unicorn)\b\D*([\d.]+\d)")
_SHORT_HASH = "--short=10"


class Workbench:
    """Builds and runs in the repository `root`. `say` is called with what takes time."""

    def __init__(self, root: Path, say: Callable[[str], None] = lambda _: None) -> None:
        self.workspace = Workspace(root)
        self._say = say
        self._runs: dict[tuple[str, ...], Run] = {}
        self._tools: dict[str, None] = {}

    def run(
        self,
        target: str,
        model: str,
        toolchain: str = "gcc",
        opt: str = DEFAULT_OPT,
        *,
        profile: bool = False,
    ) -> Run:
        """Return a run of `model` on `target`; with `profile`, it has the ticks of each layer.

        Raises `Verdict` if the model is not right there: then its numbers are worth nothing.
        """
        key = (target, model, toolchain, opt, str(profile))
        if key not in self._runs:
            self._runs[key] = harness.run(
                target,
                model,
                toolchain=toolchain,
                opt=opt,
                root=self.workspace.root,
                profile=profile,
                record=False,
            )
            self._runs[key].check()
        run = self._runs[key]
        emulator = _EMULATOR.search(run.board_version)
        self._note(run.image, " ".join(emulator.groups()) if emulator else run.board_version)
        return run

    def record(
        self, target: str, model: str, toolchain: str = "gcc", opt: str = DEFAULT_OPT
    ) -> Record:
        """Return the Record of a run; see `run`."""
        return record_of(self.run(target, model, toolchain, opt), self.workspace.root)

    def image(self, target: str, model: str, toolchain: str = "gcc", opt: str = "-O2") -> Image:
        """Return the image of `model` for `target`."""
        engine = find_engine(DEFAULT_ENGINE)
        built = build_image(
            self.target(target),
            self.model(model),
            engine,
            self.workspace.images,
            self._say,
            find_toolchain(toolchain, opt),
        )
        self._note(built)
        return built

    def target(self, name: str) -> Target:
        """Return the target called `name`."""
        return find_target(name, self.workspace.targets)

    def model(self, name: str) -> Model:
        """Return the model called `name`."""
        return find_model(name, self.workspace.models)

    def made(self) -> str:
        """Return the line below a block: with what it was made, since the last call."""
        root = self.workspace.root
        commit = git(root, "rev-parse", _SHORT_HASH, "HEAD")
        tools = [*self._tools, f"tinyml-harness {harness.__version__}"]
        self._tools.clear()
        return f"Made with {', '.join(tools)} at commit {commit}, {datetime.now(UTC):%Y-%m-%d}."

    def note(self, tool: str) -> None:
        """Note that `tool` gave a number, for the next `made`."""
        self._tools[tool] = None

    def _note(self, image: Image, *others: str) -> None:
        for tool in (shown_compiler(image.toolchain.version), image.engine_version, *others):
            self.note(tool)


def terminal(print_to: Callable[[Console], None], command: str = "") -> str:
    """Return what `print_to` prints on a terminal after `command`, as a block of code."""
    file = io.StringIO()
    print_to(Console(file=file, width=WIDTH, color_system=None, force_terminal=False))
    lines = [line.rstrip() for line in file.getvalue().strip("\n").split("\n")]
    while not lines[0].strip():
        del lines[0]
    prompt = [f"$ {command}"] if command else []
    return fenced([*prompt, *lines])


def fenced(lines: Sequence[str]) -> str:
    """Return `lines` as a block of code."""
    return "\n".join(["```", *lines, "```"])
