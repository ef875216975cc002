"""Runs all cases on an emulator, and goes on after a case from which it does not come back."""

from collections.abc import Collection
from pathlib import Path

from tests.conformance.build import build_cases, build_lockup, without
from tests.conformance.emulators import Emulator, Line
from tests.conformance.expectations import cases

LOCKUP = "lockup.fault_in_hard_fault"
"""The case that runs alone: after it, nothing does."""
_READY = "ready"
_GO = b"g"
_END = "end"


def observe(
    emulator: Emulator, scratch: Path, skipped: Collection[str] = frozenset()
) -> dict[str, str]:
    """Return what the cases show on `emulator`, by the name of the case; `skipped` do not run.

    Raises `RuntimeError` if the programs have another case than cases.toml, or in another order.
    """
    elf = scratch / "cases.elf"
    build_cases(elf)
    names = list(cases())
    seen: dict[str, str] = {}
    done: set[str] = set(skipped)
    while left := [name for name in names if name not in done and name != LOCKUP]:
        _run(emulator, without(elf, map(names.index, done)), scratch, seen, left)
        done |= set(names[: names.index(list(seen)[-1]) + 1])
    build_lockup(scratch / "lockup.elf")
    _run(emulator, scratch / "lockup.elf", scratch, seen, [LOCKUP])
    ran = [name for name in names if name not in skipped]
    if list(seen) != ran:
        wrong = next((pair for pair in zip(seen, ran, strict=False) if pair[0] != pair[1]), "")
        raise RuntimeError(f"cases.toml and the programs have other cases: {wrong}")
    return seen


def _run(
    emulator: Emulator, elf: Path, scratch: Path, seen: dict[str, str], left: Collection[str]
) -> None:
    """Add what the cases that are `left` show to `seen`, up to one that does not come back.

    Raises `RuntimeError` if a case runs twice, for another one has gone astray, or if none runs.
    """
    with emulator.start(elf, scratch) as line:
        _read(line, emulator.name, seen)
        while line.resume is not None and not seen.keys() >= set(left):
            line.resume(list(cases()).index(list(seen)[-1]) + 1)
            _read(line, emulator.name, seen)


def _read(line: Line, emulator: str, seen: dict[str, str]) -> None:
    """Add what cases show to `seen`."""
    before, last = len(seen), ""
    for text in line.lines():
        if text == _READY:
            line.send(_GO)
            continue
        if text == _END:
            break
        name, _, shown = text.partition(" ")
        if not name and last:  # it has stopped behind the last case, before the next began
            seen[last] += f" {shown}"
        elif not name or name in seen:
            raise RuntimeError(f"{emulator} shows {text!r} after {list(seen)[-1:]}")
        else:
            seen[name] = shown
        last = name
    if len(seen) == before:
        raise RuntimeError(f"{emulator} runs no case after {list(seen)[-1:]}")
