"""What must not happen on a farm, looked for in what boards, clients and the store wrote."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from harness.errors import ExitCode
from harness.results.record import Record
from harness.results.store.store import Store
from tests.farm.campaign.team import Person, Session
from tests.support.farm import Farm

_REMEDY = "  -> "
_VARYING = re.compile(r"\d+(?:[.:]\d+)*|board-\d+|0x[0-9a-f]+")
_SHOWN = 2000  # characters of an output


class Use(NamedTuple):
    """From when to when a process used a board."""

    begin: float
    end: float
    process: int
    line: str


def shared(farm: Farm) -> list[str]:
    """Return which boards two processes used at the same time, by the boards' own logs."""
    found = []
    for board in farm.boards:
        uses = _merged(_uses(farm.sessions(board.name)))
        found += [
            f"{board.name} was shared: {one} and {other}"
            for one, other in pairwise(uses)
            if other.begin < one.end
        ]
    return found


def _uses(entries: Sequence[Mapping[str, Any]]) -> list[Use]:
    """Return the use that each connection made of the board.

    A connection without an end was cut when the board's machine was killed: only its begin is
    known. A client that ended before the board looked for its process is one of its own.
    """
    last = {(each["line"], each["port"], each["process"]): each["last"] for each in entries}
    return sorted(
        Use(
            each["time"],
            last[each["line"], each["port"], each["process"]],
            each["process"] or -each["port"],
            each["line"],
        )
        for each in entries
        if each["what"] == "use"
    )


def _merged(uses: Sequence[Use]) -> list[Use]:
    """Return the uses, with those of one process that follow each other as one."""
    merged: list[Use] = []
    for use in uses:
        if merged and merged[-1].process == use.process:
            merged[-1] = merged[-1]._replace(end=max(merged[-1].end, use.end))
        else:
            merged.append(use)
    return merged


def wrong_numbers(records: Sequence[Record], truth: Mapping[str, Record]) -> list[str]:
    """Return which Records have other exact numbers than the run on the desk."""
    found = []
    for record in records:
        true = truth[record.model.name]
        if record.verdict != "passed":
            found.append(f"{record.id}: {record.reasons}")
        if record.ticks != true.ticks or _exact(record) != _exact(true):
            found.append(f"{record.id} has wrong numbers")
    return found


def _exact(record: Record) -> dict[str, float]:
    return {name: each.value for name, each in record.numbers.items() if each.kind == "exact"}


def lost_records(people: Sequence[Person], url: str) -> list[str]:
    """Return which Records the store lacks, or has otherwise, and which sessions still owe some."""
    found = []
    with Store(url) as store:
        for person in people:
            records = {path.stem: record for path, record in person.records()}
            missing = set(store.missing(records))
            found += [f"{key} is not in the store" for key in missing]
            found += [
                f"{key} is another Record in the store"
                for key in records.keys() - missing
                if store.record(key) != records[key]
            ]
            owing = (person.workspace.results / "spool").glob("*.session")
            found += [f"{path.name} is left in the spool" for path in owing]
    return found


def unclear(session: Session, errors: Counter[str]) -> list[str]:
    """Return what is wrong with the end of a session; count its errors, by their text."""
    code = session.process.poll()
    output = session.output.read_text(errors="replace")
    errors_named = list(named(output))
    if session.is_killed:
        return []
    errors.update(errors_named)
    what = f"{' '.join(session.command)} ended with {code}: {output[-_SHOWN:]}"
    if code != ExitCode.PASSED and ("Traceback (most" in output or "INTERNALERROR" in output):
        return [f"a traceback: {what}"]
    if code not in (ExitCode.PASSED, ExitCode.INFRASTRUCTURE):
        return [f"an unexpected exit code: {what}"]
    if code != ExitCode.PASSED and not errors_named:
        return [f"an error without a remedy: {what}"]
    return []


def named(output: str) -> Iterator[str]:
    """Yield the first line of each error that has a remedy, without what varies in it."""
    first = ""
    for line in output.splitlines():
        if line.startswith("harness: ") or not line.startswith(" "):
            first = line.removeprefix("harness: ")
        elif line.startswith(_REMEDY):
            yield _VARYING.sub("N", first)
