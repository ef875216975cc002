"""How many boards one host keeps busy: boards per core at which runs per minute stop growing.

Boards, exporters, coordinator and sessions share this machine, so that a farm of real boards, which
compute themselves, serves more.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path

from tests.farm.campaign.team import DEADLINE, MODELS, Person, images_of
from tests.support import labgrid_programs
from tests.support.farm import Farm

_MOST = 8  # boards for a core
_SESSIONS = 2  # of each board in a row, with a run of each model
_GROWTH = 1.1  # less is noise


def throughput(folder: Path, show: Callable[[str, float, str, str], None]) -> None:
    """Print runs per minute with twice as many boards each time, until they do not grow."""
    if reason := labgrid_programs.why_not():
        print(f"a farm: {reason}")
        return
    cores = os.cpu_count() or 1
    with Farm(folder / "farm", boards=_MOST * cores, exporters=2) as farm:
        environment = {"LG_COORDINATOR": farm.address, "HARNESS_STORE": ""}
        person = Person(folder / "person", environment, None)
        images_of(person)
        boards, best = 1, _runs_per_minute(person, 1)
        first = best
        while boards < _MOST * cores:
            rate = _runs_per_minute(person, 2 * boards)
            detail = f"{rate:.0f} runs a minute"
            show(f"a farm: {2 * boards} boards / 1, runs a minute", rate / first, "apart", detail)
            if rate < _GROWTH * best:
                break
            boards, best = 2 * boards, rate
    detail = f"{best:.0f} runs a minute with {boards} boards, {first:.0f} with one"
    show("a farm: boards per core until it is full", boards / cores, "apart", detail)


def _runs_per_minute(person: Person, boards: int) -> float:
    begin = time.monotonic()
    for _ in range(_SESSIONS):
        sessions = [person.run("shelf", MODELS, f"board-{number}") for number in range(boards)]
        for session in sessions:
            if not session.process.wait(DEADLINE) or session.process.poll() != 0:
                raise SystemExit(session.output.read_text(errors="replace"))
    return _SESSIONS * boards * len(MODELS) / (time.monotonic() - begin) * 60
