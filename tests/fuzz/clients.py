"""`make fuzz-clients`: hostile devices talk to the harness's clients, on a clock of their own.

Each seed is one session. Whatever the device sends, a call of the client ends in time, with a
result whose fields are in their ranges or with an error for a person; and memory stays bounded.
"""

import argparse
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from unittest import mock

from harness.errors import InfrastructureError
from harness.link.device_log import KEPT
from harness.link.frame import LONGEST
from harness.link.link_client import HELLO_DEADLINE, RUN_DEADLINE, LinkClient
from harness.link.loading import LOAD_DEADLINE
from harness.link.messages import Result, Welcome
from harness.link.retries import ATTEMPTS
from harness.runs.mlperf import device_lines, runner
from harness.runs.mlperf.mlperf_client import LONGEST_INFER, MlperfClient
from harness.runs.mlperf.window_plan import WindowPlan
from tests.fuzz.fake_line import SLOW, FakeLine
from tests.fuzz.hostile_link import BUILD_ID, INPUT_SIZE, OUTPUT_SIZE, STACK_SIZE, HostileLink
from tests.fuzz.hostile_mlperf import HostileMlperf

WINDOWS = range(128, (1 << 16) + 1)

_BAUD = 115_200
_SLACK = 30.0  # seconds, for answers without computation
_VECTOR = ATTEMPTS * (LOAD_DEADLINE + RUN_DEADLINE + _SLACK)
_TRACE = 2 * _VECTOR
_MLPERF = 3 * 3 * (LONGEST_INFER + _SLACK)


class BrokenRuleError(AssertionError):
    """A client broke one of its rules."""


def try_link(seed: int) -> str:
    """Talk to a hostile device over the link; return how the session ended."""
    rng = random.Random(seed)
    line = FakeLine(HostileLink(rng), _stop(rng))
    with (
        mock.patch("secrets.randbits", rng.getrandbits),
        mock.patch("secrets.randbelow", rng.randrange),
    ):
        client = LinkClient(line, baud=_BAUD)
        data = rng.randbytes(INPUT_SIZE)
        calls: list[tuple[Callable[[], object], float]] = [
            (lambda: _check_welcome(client.hello(BUILD_ID.hex())), HELLO_DEADLINE),
            *[(lambda: _check_result(client.infer(data)), _VECTOR)] * 3,
            (lambda: client.trace(data, 1), _TRACE),
            (client.profile, _SLACK),
        ]
        ended = _call_all(line, calls)
    if sum(map(len, client.log)) > 5 * KEPT:  # of the start, and of what came since
        raise BrokenRuleError(f"the log has {sum(map(len, client.log)):,} characters")
    return ended


def try_mlperf(seed: int) -> str:
    """Talk to a hostile device over MLPerf Tiny's protocol; return how the session ended."""
    rng = random.Random(seed)
    line = FakeLine(HostileMlperf(rng), _stop(rng))
    clock = mock.Mock(perf_counter=lambda: line.now)
    with mock.patch.object(device_lines, "time", clock):
        client = MlperfClient(line, baud=_BAUD)
        data = rng.randbytes(100)
        plan = WindowPlan(windows=1)
        calls: list[tuple[Callable[[], object], float]] = [
            (client.detect, _MLPERF),
            (lambda: client.load(data, "vector 0"), _MLPERF),
            (lambda: client.infer(1, 0), _MLPERF),
            (lambda: client.buffer(len(data)), _MLPERF),
            (lambda: runner.trial(client, plan), 2 * _MLPERF),
        ]
        ended = _call_all(line, calls)
    if sum(map(len, client.log)) > 4 * KEPT:
        raise BrokenRuleError("the log is too long")
    return ended


CLIENTS = {"link": try_link, "mlperf": try_mlperf}


def _stop(rng: random.Random) -> tuple[float, float]:
    """Return when the device stands still."""
    begin = rng.uniform(0, 20)
    return (begin, begin + rng.choice((0, 0, 4, 10, 40)))


def _call_all(line: FakeLine, calls: list[tuple[Callable[[], object], float]]) -> str:
    """Make the `calls`, each within its seconds; return how the first that failed ended."""
    for call, seconds in calls:
        line.limit = line.now + seconds / SLOW
        try:
            call()
        except InfrastructureError as error:
            if not error.what:
                raise BrokenRuleError("an error without a text") from error
            return type(error).__name__
    return "answered"


def _check_welcome(welcome: Welcome) -> None:
    if max(welcome.input_size, welcome.output_size) >= LONGEST or welcome.window not in WINDOWS:
        raise BrokenRuleError(f"impossible sizes: {welcome}")


def _check_result(result: Result) -> None:
    if len(result.output) != OUTPUT_SIZE or result.disturbed or result.stack > STACK_SIZE:
        raise BrokenRuleError(f"a wrong result: {result}")


def main() -> int:
    """Return how many seeds broke a rule."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.clients", description=__doc__)
    parser.add_argument("seconds", type=float, help="how long to try seeds")
    parser.add_argument("--seed", type=int, help="the first seed (default: from the clock)")
    options = parser.parse_args()
    first = int(time.time()) if options.seed is None else options.seed
    end = time.monotonic() + options.seconds
    seed, failed = first, 0
    ended: Counter[str] = Counter()
    while time.monotonic() < end or seed == first:
        for name, attempt in CLIENTS.items():
            try:
                ended[f"{name}: {attempt(seed)}"] += 1
            except Exception:  # whatever it is, it is a finding
                failed += 1
                print(f"{name}, seed {seed}:\n{traceback.format_exc()}", flush=True)
        seed += 1
    for what, count in sorted(ended.items()):
        print(f"{count:8,} {what}")
    print(f"seeds {first} to {seed - 1}: {failed or 'no'} findings")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
