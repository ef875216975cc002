"""`make farm-test`: many runs on a farm, while what takes part in them is killed at random.

It runs the harness's own commands on simulated boards behind a real coordinator and exporters. It
fails if two clients used a board at the same time, if a board was lost for more than 60 s, if a
number is wrong, if the store lacks a Record, or if a command ended without a clear error.
"""

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

from harness.support.plural import count_of
from tests.farm.campaign.campaign import Campaign
from tests.support import labgrid_programs, postgres


def main() -> int:
    """Return 1 if there are findings."""
    parser = argparse.ArgumentParser(prog="python -m tests.farm.campaign", description=__doc__)
    parser.add_argument("--boards", type=int, default=8)
    parser.add_argument("--runs", type=int, default=24, help="that must have a Record")
    parser.add_argument("--clients", type=int, default=0, help="that run at once; 0: as fit")
    parser.add_argument("--pause", type=float, default=2.0, help="seconds between kills")
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    if reason := labgrid_programs.why_not() or postgres.why_not():
        print(reason, file=sys.stderr)
        return os.EX_UNAVAILABLE
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit("ended by a signal"))
    seed = random.randrange(1 << 30) if options.seed is None else options.seed
    print(f"{options.boards} boards, {options.runs} runs, seed {seed}", flush=True)
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="harness-farm-") as name:
        campaign = Campaign(Path(name), options.boards, options.clients, random.Random(seed))
        try:
            campaign.run(options.runs, options.pause)
        finally:  # a campaign that is ended early has found something, too
            for line in campaign.summary():
                print(line)
            seconds = time.monotonic() - begin
            print(f"{seconds:.0f} s, {count_of(len(campaign.findings), 'finding')}", flush=True)
    return min(len(campaign.findings), 1)


if __name__ == "__main__":
    sys.exit(main())
