"""How long a board could be used by nobody."""

import re
import threading
import time
from pathlib import Path

from harness.board.labgrid.coordinator import Coordinator
from harness.board.labgrid.farm_state import FarmState
from harness.errors import InfrastructureError
from tests.support.farm import Farm

_POLL = 1.0  # seconds
_PROCESS = re.compile(r":(\d+)-")  # in the name of a holder


class LostBoards:
    """Looks at all places every second, in a thread, until `close`.

    A board is lost while the coordinator does not answer, nobody offers the board, its process does
    not live, or its place is held by a process that does not. `longest` has the longest such time
    of each board, and why.
    """

    def __init__(self, farm: Farm) -> None:
        self.longest: dict[str, tuple[float, str]] = {}
        self._farm = farm
        self._since: dict[str, float] = {}
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._ends.set()
        self._thread.join()

    def now(self) -> dict[str, str]:
        """Return the boards that are lost, and why."""
        names = [board.name for board in self._farm.boards]
        try:
            with Coordinator(self._farm.address) as coordinator:
                state = coordinator.synchronize()
        except InfrastructureError:
            return dict.fromkeys(names, "the coordinator does not answer")
        return {name: why for name in names if (why := self._why(name, state))}

    def _run(self) -> None:
        while not self._ends.wait(_POLL):
            lost = self.now()
            at = time.monotonic()
            for name in self._since.keys() - lost.keys():
                del self._since[name]
            for name, why in lost.items():
                lasted = at - self._since.setdefault(name, at)
                self.longest[name] = max(self.longest.get(name, (0.0, "")), (lasted, why))

    def _why(self, name: str, state: FarmState) -> str:
        place = state.places.get(name)
        if place is None:
            return "the coordinator does not know the place"
        found = _PROCESS.search(place.holder)
        if found and not _lives(int(found[1])):
            return f"the place is held by {place.holder}, which has ended"
        resources = state.resources_of(place).values()
        if len(resources) < 2 or not all(each.available for each in resources):
            return "no exporter offers it"
        if not _lives(self._farm.pids[name]):
            return "its process has ended"
        return ""


def _lives(process: int) -> bool:
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(") ")[2][0] not in "ZX"
