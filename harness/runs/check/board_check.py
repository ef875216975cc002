"""Checks a board: flash, HELLO, ten vectors, the line, and the counter against the clock.

Every wait has a deadline: those of the probe and of the link, and one for all questions together.
"""

import platform
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

import numpy as np

from harness.board.board import Board
from harness.board.counted_target import as_counted
from harness.board.provision import provision
from harness.errors import InfrastructureError, InUseError
from harness.image.build import Image
from harness.link.link_client import LinkClient
from harness.measure.core_clock import measure_clock
from harness.model.tensor_block import pack, unpack
from harness.runs.check.check_result import BoardCheck, CheckLine
from harness.runs.diagnosis import with_diagnosis
from harness.runs.request import RunRequest
from harness.support.plural import count_of
from harness.support.version import VERSION

MODEL = "digits"
"""The bundled model of the check, which is small and has golden outputs."""

VECTORS = 10
QUESTIONS = 200
"""How often the device is asked; noise on the line would disturb some of these exchanges."""

DEADLINE = 30.0
"""Seconds for all questions; over a slow network, there are fewer of them."""

MOST_NOISE = 0.01
"""Retries on a line that is still good, as a share of the exchanges."""

_NOT_TRIED = "not tried"
_SHORT = 8  # characters of a build ID, to display
_NOISY = (
    "check the cable, the ground and the baud rate of the serial line, and what else writes to it; "
    "over a network, its losses"
)


def check_board(request: RunRequest, image: Image) -> BoardCheck:
    """Check the board of `request` with `image`, which was built of `MODEL`.

    A place is acquired for the check, and released. Raises `InUseError` if others use the board.
    """
    began, since = datetime.now().astimezone(), time.monotonic()
    options, progress = request.board_options, request.progress
    with (
        closing(provision(request.target, request.workspace.logs, progress, options)) as board,
        progress.step(f"checking {options.place or request.target.name}"),
    ):
        try:
            lines = list(_lines(_Check(request, image, board)))
        finally:
            board.stop()
        device = board.device
    return BoardCheck(
        target=request.target.name,
        place=options.place,
        healthy=all(line.ok is not False for line in lines),
        checked=began.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - since, 1),
        host=platform.node(),
        harness=VERSION,
        lines=lines,
        device=device,
    )


class _Check:
    """The parts of a check, in their order: each needs those before it."""

    def __init__(self, request: RunRequest, image: Image, board: Board) -> None:
        self.request, self.image, self.board = request, image, board
        self._link: LinkClient

    def flash(self) -> CheckLine:
        """Flash the image and start it."""
        since = time.monotonic()
        carrier = self.board.start(self.image)
        self._link = LinkClient(
            carrier,
            baud=self.request.target.port.baud,
            locate=self.image.elf.locate,
            watch=self.board.check,
        )
        seconds = time.monotonic() - since
        return CheckLine("flash", True, f"{MODEL} is flashed and started in {seconds:.1f} s")

    def hello(self) -> CheckLine:
        """Open a session; the device answers with the build ID of the image."""
        since = time.monotonic()
        welcome = self._link.hello(self.image.build_id)
        seconds = time.monotonic() - since
        build = welcome.build_id[:_SHORT]
        return CheckLine("hello", True, f"build {build} answers in {seconds:.1f} s")

    def vectors(self) -> CheckLine:
        """Run some vectors, and compare their outputs with golden."""
        graph, vectors = self.request.model.graph, self.request.model.vectors
        wrong = []
        for index in range(VECTORS):
            inputs = [values[index] for values in vectors.all_inputs]
            output = self._link.infer(pack(graph.input_tensors, inputs)).output
            answers = unpack(graph.output_tensors, output)
            golden = vectors.all_golden or ()
            if not all(
                np.array_equal(ours, each[index])
                for ours, each in zip(answers, golden, strict=True)
            ):
                wrong.append(index)
        count = count_of(VECTORS, "vector")
        if not wrong:
            return CheckLine("vectors", True, f"{count} have golden's outputs")
        return CheckLine(
            "vectors",
            False,
            f"{len(wrong)} of {count} differ from golden: {', '.join(map(str, wrong))}",
            f"harness run --model={MODEL} names the first layer that differs; if other boards of "
            "this kind are right, suspect the flash, the RAM or the supply of this one",
        )

    def line(self) -> CheckLine:
        """Count the frames that noise on the line has damaged, since HELLO."""
        end = time.monotonic() + DEADLINE
        asked = 0
        while asked < QUESTIONS and time.monotonic() < end:
            if self._link.count() is None:
                break  # the vectors were exchanges, too
            asked += 1
        exchanges = asked + 2 * VECTORS  # LOAD and RUN
        damaged, retries = self._link.damaged, self._link.retries
        ok = retries <= MOST_NOISE * exchanges
        return CheckLine(
            "line",
            ok,
            f"{count_of(damaged, 'damaged frame')} and {count_of(retries, 'retry')} in "
            f"{count_of(exchanges, 'exchange')}",
            "" if ok else _NOISY,
        )

    def clock(self) -> CheckLine:
        """Compare the device's counter with the host's clock."""
        target = as_counted(self.request.target, self.board)
        bounds = measure_clock(self._link.count, target)
        if bounds is None:
            return CheckLine("clock", None, "the firmware does not tell what its counter reads")
        if target.counter.ticks != "cycles":
            text = "the counter counts instructions, which have no clock"
        elif target.clock is None:
            text = f"{bounds}; the target file states no clock"
        else:
            stated = f"{target.clock.hz / 1e6:g} MHz ± {100 * target.clock.tolerance:g} %"
            text = f"{bounds}; stated are {stated}"
            if bounds.is_vague:
                return CheckLine("clock", None, f"{text}: too vague to compare")
        return CheckLine("clock", True, text)


def _lines(check: _Check) -> Iterator[CheckLine]:
    """Yield a line for each part; after an error, the others are not tried."""
    steps = {"flash": check.flash, "hello": check.hello, "vectors": check.vectors}
    steps |= {"line": check.line, "clock": check.clock}
    error: InfrastructureError | None = None
    for part, step in steps.items():
        if error is not None:
            yield CheckLine(part, None, _NOT_TRIED)
            continue
        try:
            yield step()
        except InUseError:
            raise
        except InfrastructureError as caught:
            error = caught
            if check.request.board_options.place and check.board.device is None:
                yield CheckLine("place", False, error.what, error.remedy)
                yield CheckLine(part, None, _NOT_TRIED)
                continue
            if part in {"hello", "vectors", "line"}:
                error = with_diagnosis(error, check.board)
            place = f"place {check.request.board_options.place}"  # which everybody knows
            where = error.where.removeprefix(place).removeprefix(": ")
            text = f"{where}: {error.what}" if where else error.what
            yield CheckLine(part, False, text, error.remedy)
