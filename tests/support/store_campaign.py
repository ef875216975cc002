"""Clients that add Records to a store, while they and the server are killed at random times."""

import multiprocessing
import os
import random
import signal
import time
from multiprocessing.process import BaseProcess

from msgspec import structs

from harness.results.record import Record
from harness.results.record_file import read_record, write_record
from harness.results.store.store import Store
from harness.results.store.upload import StoreUpload
from harness.workspace import Workspace
from tests.support import postgres
from tests.support.year import FIRST, TARGETS, made_up

_DEADLINE = 300.0  # seconds for a client


class Campaign:
    """`findings` has what should not be, after `run`."""

    def __init__(self, server: postgres.Server, workspace: Workspace, seed: int) -> None:
        self.findings: list[str] = []
        self.killed = 0
        self._server = server
        self._workspace = workspace
        self._dice = random.Random(seed)
        self._url = postgres.database(str(server.folder))

    def run(self, clients: int, records: int, kills: int) -> None:
        """Let clients add Records, kill one of them or the server so often, and look."""
        running = [self._start(number, records) for number in range(clients)]
        for number in range(kills):
            time.sleep(self._dice.uniform(0, 0.3))
            if number % 2:
                self._server.kill()
                time.sleep(self._dice.uniform(0, 0.1))
                self._server.start()
            else:
                victim = self._dice.choice(running)
                if victim.pid and victim.is_alive():
                    os.kill(victim.pid, signal.SIGKILL)
                    self.killed += 1
        for client in running:
            client.join(_DEADLINE)
            if client.exitcode not in (0, -signal.SIGKILL):
                self.findings.append(f"a client ended with {client.exitcode}")
        StoreUpload(self._url, self._workspace, "the next session").end()
        self._look()

    def _start(self, number: int, records: int) -> BaseProcess:
        seed = self._dice.randrange(1 << 30)
        arguments = (self._url, self._workspace, number, records, seed, 0.1)
        # Importing in each would cost more than writing.
        client = multiprocessing.get_context("fork").Process(target=add_records, args=arguments)
        client.start()
        return client

    def _look(self) -> None:
        paths = sorted(self._workspace.runs.glob("*.json"))
        with Store(self._url) as store:
            missing = store.missing(path.stem for path in paths)
            self.findings += [f"{key} is lost" for key in missing]
            self.findings += [
                f"{path.stem} is another Record"
                for path in paths
                if path.stem not in missing and store.record(path.stem) != read_record(path)
            ]
            if len(store.find()) != len(paths) - len(missing):
                self.findings.append("the store has Records that nobody wrote")
        spool = self._workspace.results / "spool"
        self.findings += [f"{path.name} is left" for path in spool.glob("*.session")]


def add_records(
    url: str, workspace: Workspace, number: int, records: int, seed: int, pause: float
) -> None:
    """Be a session that writes Records, with pauses, and adds each to the store."""
    dice = random.Random(seed)
    session = f"session {number}"
    with StoreUpload(url, workspace, session) as upload:
        for _ in range(records):
            made: Record = made_up(dice, FIRST, dice.choice(TARGETS), "digits")
            upload.add(write_record(structs.replace(made, session=session), workspace.runs))
            time.sleep(dice.uniform(0, pause))
