"""The runs of the fixture `run`: one for each combination, whatever the order of the tests."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.board.board import Board
from harness.image.build import Image
from harness.pytest_plugin.tested_runs import TestedRuns
from harness.results.recording import RecordElsewhereError, keep_record, record_of
from harness.runs.device_under_test import AnyRun
from harness.runs.movable_dut import MovableDut
from harness.runs.request import RunRequest

RUNS = pytest.StashKey["SharedRuns"]()


@dataclass
class SharedRuns:
    """Keeps each run for the tests of its combination, and records it, as `dut` does.

    pytest forgets a fixture when a test needs it for another combination.
    """

    tested: TestedRuns
    _kept: list[tuple[object, AnyRun, Path]] = field(default_factory=list)

    def run_of(self, request: RunRequest, image: Image, board: Board, maker: object) -> AnyRun:
        """Return the run for `request`, made on the first call; `maker` made the `board`.

        An infrastructure error is raised to pytest, which tells it to the tests that need the run.
        """
        key = (request, image.build_id, maker)
        for known, run, path in self._kept:
            if known == key:
                self.tested.use(path)
                return run
        with MovableDut(request, image, board) as movable:
            run = movable.run()
            path = self.record(run, request, movable.take_moves())
        self._kept.append((key, run, path))
        return run

    def record(self, run: AnyRun, request: RunRequest, moves: list[str]) -> Path:
        """Write the Record of `run` and return its file; `moves` are why it left other boards."""
        record = record_of(run, request.workspace, moves)
        try:
            path = keep_record(record, request.workspace)
        except RecordElsewhereError as error:
            if error.path:
                self.tested.name(error.path)
            raise
        self.tested.name(path)
        return path
