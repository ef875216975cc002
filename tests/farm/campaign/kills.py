"""What dies on a farm, and what starts it again, as systemd or a person does."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress

from harness.board.labgrid.coordinator import Coordinator
from harness.errors import InfrastructureError
from tests.farm.campaign.team import Session
from tests.support.farm import Farm
from tests.support.postgres import Server

_DOWN = 2.0  # seconds at the most until something is started again
_IN_USE = 0.5  # the share of boards that are killed while somebody uses them


class Kills:
    """Kills something every `pause` seconds on average, in a thread, until `close`.

    `sessions` are those that run. `counts` tells what was killed how often.
    """

    def __init__(
        self,
        farm: Farm,
        server: Server,
        sessions: Callable[[], Sequence[Session]],
        dice: random.Random,
        pause: float,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._failure: BaseException | None = None
        self._farm, self._server, self._sessions = farm, server, sessions
        self._dice, self._pause = dice, pause
        self._ends = threading.Event()
        self._kinds: dict[str, tuple[int, Callable[[], bool]]] = {
            "clients": (8, self._client),
            "boards": (4, self._board),
            "exporters": (2, self._exporter),
            "machines with boards": (1, self._machine),
            "coordinators": (1, self._coordinator),
            "PostgreSQL servers": (2, self._store),
        }
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        """Kill nothing any more."""
        self._ends.set()
        self._thread.join()

    def check(self) -> None:
        """Raise what went wrong in the thread."""
        if self._failure is not None:
            raise self._failure

    @property
    def all_kinds(self) -> bool:
        """Whether something of each kind was killed."""
        return len(self.counts) == len(self._kinds)

    def _run(self) -> None:
        names = list(self._kinds)
        first = self._dice.sample(names, len(names))
        weights = [weight for weight, _ in self._kinds.values()]
        try:
            while not self._ends.wait(self._dice.uniform(0, 2 * self._pause)):
                name = first[0] if first else self._dice.choices(names, weights)[0]
                if self._kinds[name][1]():
                    self.counts[name] += 1
                    del first[:1]
        except BaseException as error:
            self._failure = error

    def _client(self) -> bool:
        sessions = self._sessions()
        return bool(sessions) and self._dice.choice(sessions).kill(self._dice.random())

    def _board(self) -> bool:
        """Kill a board, every second time one in use: its work must move, or have an error."""
        names = [board.name for board in self._farm.boards]
        used = self._used() if self._dice.random() < _IN_USE else []
        name = self._dice.choice(used or names)
        with suppress(ProcessLookupError):
            self._farm.kill_board(name)
        self._later()
        self._farm.cycle(name)
        return True

    def _used(self) -> list[str]:
        try:
            with Coordinator(self._farm.address) as coordinator:
                places = coordinator.synchronize().places
        except InfrastructureError:  # it was killed, too
            return []
        return sorted(name for name, place in places.items() if place.holder)

    def _exporter(self) -> bool:
        self._farm.crash(self._dice.choice(self._farm.boards).exporter)
        return True

    def _machine(self) -> bool:
        exporter = self._dice.choice(self._farm.boards).exporter
        self._farm.crash(f"host-{exporter}")
        self._later()
        self._farm.start_host(exporter)
        return True

    def _coordinator(self) -> bool:
        self._farm.crash("coordinator")
        self._later()
        self._farm.start_coordinator()
        return True

    def _store(self) -> bool:
        self._server.kill()
        self._later()
        self._server.start()
        return True

    def _later(self) -> None:
        time.sleep(self._dice.uniform(0, _DOWN))
