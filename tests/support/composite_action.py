"""Runs the scripts of a composite action as a runner of GitHub does, without GitHub."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
_NAME = re.compile(r"(?<![\w'.-])(?:inputs|steps|github|runner)(?:\.[\w-]+)+")
_FILES = ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")


@dataclass
class Runner:
    """A runner with a checkout in `workspace`, whose temporary folder is `temporary`.

    The first `python3` that its scripts find is one that installs nothing: it makes programs
    `harness` and `pytest` of this environment, and writes what it was to install to `installed`.
    """

    action: Path
    workspace: Path
    temporary: Path
    variables: dict[str, str]
    outputs: dict[str, str] = field(default_factory=dict)
    log: str = ""

    @property
    def installed(self) -> str:
        return (self.temporary / "installed").read_text().strip()

    @property
    def summary(self) -> str:
        return (self.temporary / "GITHUB_STEP_SUMMARY").read_text()

    def run(self, **inputs: str) -> int:
        """Run the steps that have a script; return the exit code of the first that fails."""
        definition = yaml.safe_load((self.action / "action.yml").read_text())
        given = {name: each["default"] for name, each in definition["inputs"].items()} | inputs
        self.outputs = {f"inputs.{name}": value for name, value in given.items()}
        self.outputs |= {
            "github.event_name": self.variables["GITHUB_EVENT_NAME"],
            "runner.temp": str(self.temporary),
        }
        self._make_programs()
        for step in definition["runs"]["steps"]:
            if "run" in step and self._wanted(step.get("if", "true")):
                code = self._run(step)
                if code:
                    return code
        return 0

    def value(self, expression: str) -> str:
        """Return the value of an expression, as far as this action has such."""
        text = _NAME.sub(lambda match: repr(self.outputs.get(match[0], "")), expression)
        for theirs, ours in (("!cancelled()", "True"), ("&&", " and "), ("||", " or ")):
            text = text.replace(theirs, ours)
        return str(eval(text, {"true": True}))  # noqa: S307 - an expression of our own file

    def _wanted(self, condition: str) -> bool:
        match = _EXPRESSION.fullmatch(condition)
        return self.value(match[1] if match else condition) == "True"

    def _run(self, step: dict[str, Any]) -> int:
        for name in _FILES:
            (self.temporary / name).touch()
        own = {name: self._text(value) for name, value in step.get("env", {}).items()}
        folder = self.workspace / self._text(step.get("working-directory", "."))
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=folder,
            env=self._environment() | own,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=250,
        )
        self.log += f"{step.get('name')}:\n{done.stdout}"
        for line in self._lines("GITHUB_OUTPUT"):
            name, _, value = line.partition("=")
            self.outputs[f"steps.{step['id']}.outputs.{name}"] = value
        (self.temporary / "GITHUB_OUTPUT").unlink()
        return done.returncode

    def _text(self, value: str) -> str:
        return _EXPRESSION.sub(lambda match: self.value(match[1]), value)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(self.action),
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_TEMP": str(self.temporary),
            **{name: str(self.temporary / name) for name in _FILES},
            **self.variables,
            "PATH": f"{self.temporary / 'programs'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(self.action),
        }

    def _lines(self, name: str) -> list[str]:
        return (self.temporary / name).read_text().splitlines()

    def _make_programs(self) -> None:
        programs = self.temporary / "programs"
        programs.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            (self.temporary / name).unlink(missing_ok=True)
            (self.temporary / name).touch()
        for name in ("harness", "pytest"):
            if not (programs / f"real-{name}").exists():
                self.program(f"real-{name}", f'exec "{sys.executable}" -m {name} "$@"')
        installed = self.temporary / "installed"
        self.program("fake-python", f'shift 3; echo "$@" >"{installed}"')
        links = (f"{programs}/{a}:bin/{b}" for a, b in _PROGRAMS.items())
        made = "; ".join(f'ln -sf "{x}" "$3/{y}"' for x, y in (each.split(":") for each in links))
        self.program("python3", f'mkdir -p "$3/bin"; {made}')

    def program(self, name: str, script: str) -> None:
        """Make the program `name`, a script; `real-harness` takes the place of `harness`."""
        path = self.temporary / "programs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)


_PROGRAMS = {"real-harness": "harness", "real-pytest": "pytest", "fake-python": "python"}
