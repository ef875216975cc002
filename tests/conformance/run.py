"""Runs all cases on an emulator, and goes on after a case from which it does not come back."""

from collections.abc import Mapping
from pathlib import Path

from tests.conformance.build import beginning_with, build_cases, build_lockup
from tests.conformance.emulators import Emulator

LOCKUP = "lockup.fault_in_hard_fault"
_READY = "ready"
_GO = b"g"
_END = "end"


def observe(emulator: Emulator, scratch: Path) -> dict[str, str]:
    """Return what the cases show on `emulator`, by the name of the case."""
    elf = scratch / "cases.elf"
    build_cases(elf)
    seen: dict[str, str] = {}
    while True:
        more, how = _run(emulator, beginning_with(elf, len(seen)), scratch)
        seen |= more
        if not how:
            break
    build_lockup(scratch / "lockup.elf")
    locked, _ = _run(emulator, scratch / "lockup.elf", scratch)
    return seen | locked


def _run(emulator: Emulator, elf: Path, scratch: Path) -> tuple[Mapping[str, str], str]:
    """Return what cases show, and how the emulator ended in the last one; empty if it did not."""
    seen: dict[str, str] = {}
    with emulator.start(elf, scratch) as line:
        last = ""
        for last in line.lines():
            if last == _READY:
                line.send(_GO)
                continue
            if last == _END:
                return seen, ""
            name, _, shown = last.partition(" ")
            if name in seen:  # code of one case has gone astray
                raise RuntimeError(f"{emulator.name} runs {name} twice")
            seen[name] = shown
        name, _, shown = last.partition(" ")
        if not name:
            raise RuntimeError(f"{emulator.name} printed nothing after {list(seen)[-1:]}")
        how = line.end()
        return {**seen, name: f"{shown} {how}".strip()}, how
