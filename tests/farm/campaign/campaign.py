"""A campaign: a farm, people who use it, kills, and the look at what came of it."""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from itertools import cycle, islice
from pathlib import Path

from harness.results.record import Record
from harness.support.plural import count_of
from tests.farm.campaign import findings
from tests.farm.campaign.kills import Kills
from tests.farm.campaign.lost_boards import LostBoards
from tests.farm.campaign.team import DEADLINE, MODELS, Person, Session, images_of
from tests.support import postgres
from tests.support.farm import Farm, free_ports

_PEOPLE = 4
_BOARDS_OF_AN_EXPORTER = 10
_LONGEST = 60.0  # seconds that a board may be lost
_POLL = 0.1
_ACCESS = "host all all 127.0.0.1/32 trust"


class Campaign:
    """So many `clients` run at a time; 0: two for each core. `findings` has what should not be."""

    def __init__(self, folder: Path, boards: int, clients: int, dice: random.Random) -> None:
        self.findings: list[str] = []
        self._clients = clients or 2 * (os.cpu_count() or 1)
        self._folder, self._dice = folder, dice
        exporters = max(2, -(-boards // _BOARDS_OF_AN_EXPORTER))
        self._farm = Farm(folder / "farm", boards=boards, exporters=exporters)
        port = free_ports(1)[0]
        self._server = postgres.Server(port=port, access=_ACCESS)
        self._url = f"postgresql://harness@127.0.0.1:{port}/"
        self._sessions: list[Session] = []
        self._names: Iterator[str] = cycle(board.name for board in self._farm.boards)
        self._lines: list[str] = [f"{exporters} exporters, {_PEOPLE} people"]
        self._ends: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()

    def run(self, runs: int, pause: float) -> None:
        """Run until `runs` Records are written; kill something every `pause` seconds."""
        with ExitStack() as owned:
            owned.enter_context(postgres.running(self._server))
            self._url += postgres.new_database(self._server.place)
            people, truth = self._people()
            owned.enter_context(self._farm)
            owned.callback(self._end_sessions)
            lost = owned.enter_context(closing(LostBoards(self._farm)))
            kills = Kills(self._farm, self._server, self._living, self._dice, pause)
            with closing(kills):
                self._use(people, runs, kills)
            self._serve_all(people, lost)
            self._look(people, truth, lost)
            self._lines.append(f"killed: {_listed(kills.counts)}")

    def summary(self) -> Iterator[str]:
        """Yield lines for a person."""
        yield from self._lines
        yield f"sessions ended: {_listed(self._ends)}"
        for text, count in self._errors.most_common():
            yield f"  {count:4}  {text}"
        yield from (f"FOUND {text}" for text in self.findings)

    def _people(self) -> tuple[list[Person], Mapping[str, Record]]:
        """Return the people, who have all images, and the true Record of each model."""
        environment = {"LG_COORDINATOR": self._farm.address, "HARNESS_STORE": ""}
        desk = Person(self._folder / "desk", environment, None)
        images = images_of(desk)
        truth = {record.model.name: record for _, record in desk.records()}
        environment["HARNESS_STORE"] = self._url
        folders = [self._folder / f"person-{number}" for number in range(_PEOPLE)]
        return [Person(folder, environment, images) for folder in folders], truth

    def _use(self, people: Sequence[Person], runs: int, kills: Kills) -> None:
        """Start sessions until there are `runs` Records, and something of each kind was killed."""
        begin = time.monotonic()
        while True:
            self._collect()
            recorded = sum(person.count() for person in people)
            enough = recorded >= runs and kills.all_kinds
            if enough and not self._sessions:
                break
            if not enough and len(self._sessions) < self._clients:
                self._sessions.append(self._session(self._dice.choice(people)))
            kills.check()
            time.sleep(_POLL)
        took = time.monotonic() - begin
        self._lines.append(f"{recorded} runs in {took:.0f} s by {self._clients} sessions at a time")

    def _session(self, person: Person) -> Session:
        """Start a session with one or several models, at a place by name or by tags."""
        models = self._dice.sample(MODELS, self._dice.randint(1, len(MODELS)))
        choice = self._dice.random()
        if choice < 0.1:
            return person.suite(models, workers=2)
        if choice < 0.6:
            return person.run("shelf", models, next(self._names))
        return person.run("shelf", models)

    def _living(self) -> list[Session]:
        return [session for session in self._sessions if session.process.poll() is None]

    def _collect(self) -> None:
        """Judge the sessions that have ended, or should have."""
        for session in list(self._sessions):
            late = time.monotonic() - session.started > DEADLINE
            if late:
                self.findings.append(f"no end of {' '.join(session.command)}")
            if late or session.process.poll() is not None:
                self._sessions.remove(session)
                self._judge(session)

    def _judge(self, session: Session) -> None:
        code = "by a kill" if session.is_killed else f"with {session.process.poll()}"
        self._ends[code] += 1
        self.findings += findings.unclear(session, self._errors)
        session.process.stop()

    def _serve_all(self, people: Sequence[Person], lost: LostBoards) -> None:
        """Run at every place once more, now that nothing is killed.

        What killed sessions left must be swept, and their Records must be added.
        """
        served = {record.device.place for record in _all(people) if record.device}
        boards = [board.name for board in self._farm.boards]
        pairs = zip(cycle(people), boards)
        while few := list(islice(pairs, max(self._clients, len(people)))):
            self._finish([person.run("shelf", MODELS[:1], name) for person, name in few])
        self._lines.append(
            f"{len(served)} of {len(boards)} boards served during the kills, all of them after, "
            "if nothing is found"
        )
        self.findings += [f"{name} stays lost: {why}" for name, why in lost.now().items()]

    def _finish(self, sessions: Sequence[Session]) -> None:
        """Wait for sessions that nothing disturbs, and that must pass."""
        self._sessions += sessions
        for session in sessions:
            session.process.wait(DEADLINE)
            if session.process.poll() != 0:
                output = session.output.read_text(errors="replace")
                self.findings.append(f"{' '.join(session.command)} fails: {output}")
            session.process.stop()
            self._sessions.remove(session)

    def _look(
        self, people: Sequence[Person], truth: Mapping[str, Record], lost: LostBoards
    ) -> None:
        records = _all(people)
        self.findings += findings.shared(self._farm)
        self.findings += findings.wrong_numbers(records, truth)
        self.findings += findings.lost_records(people, self._url)
        longest = max(lost.longest.items(), key=lambda item: item[1], default=("none", (0.0, "")))
        self.findings += [
            f"{name} was lost for {seconds:.0f} s: {why}"
            for name, (seconds, why) in lost.longest.items()
            if seconds > _LONGEST
        ]
        name, (seconds, why) = longest
        moved = sum("; its work moved to " in text for each in records for text in each.recoveries)
        self._lines += [
            f"{len(records)} Records, all in the store if nothing is found; "
            f"{count_of(moved, 'move')} to another board",
            f"the longest loss: {name}, {seconds:.0f} s: {why}",
        ]

    def _end_sessions(self) -> None:
        for session in self._sessions:
            session.process.stop()


def _all(people: Sequence[Person]) -> list[Record]:
    return [record for person in people for _, record in person.records()]


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
