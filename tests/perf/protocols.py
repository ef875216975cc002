"""Keyword vectors over a serial line: the link against MLPerf Tiny's protocol."""

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from harness.link.channel import Channel
from harness.link.link_client import LinkClient
from harness.runs.mlperf.mlperf_client import MlperfClient
from tests.perf.line import Wire, port
from tests.support import host

BAUD = 115200
BUILD_ID = "0" * 32
INPUT_SIZE, OUTPUT_SIZE = 490, 12
"""Bytes: those of MLPerf Tiny's keyword spotting, and of tests/data/firmware/keywords."""

Show = Callable[[str, float, str, str], None]
Infer = Callable[[bytes], None]
Talk = Callable[[Channel], Infer]


@contextmanager
def protocols(folder: Path, vectors: int, show: Show) -> Iterator[float]:
    """Send random bytes both ways, as long as real vectors, and show the ratio at the end.

    Each protocol has a line and a process of its own. The context has the seconds that the link
    took; MLPerf's protocol takes longer, and its line needs hardly any processor meanwhile.

    The model answers at once: what is compared is the line. The limit is what the bytes that
    passed take on it, both ways, without a pause.
    """
    source = random.Random(490)
    inputs = [source.randbytes(INPUT_SIZE) for _ in range(vectors)]
    link = host.build_firmware(folder / "link", "keywords")
    options = ("-DMLPERF=performance", "-DTICK_HZ=1000000000")
    mlperf = host.build_firmware(folder / "mlperf", "keywords", *options)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        ours = pool.submit(timed, link, over_link, inputs)
        theirs = pool.submit(timed, mlperf, over_mlperf, inputs)
        yield ours.result()[0]
    times = {"link": ours.result(), "MLPerf": theirs.result()}
    count = f"{len(inputs):,} keyword vectors"
    ratio = times["MLPerf"][0] / times["link"][0]
    limits = times["MLPerf"][1] / times["link"][1]
    show(f"{count}: MLPerf / link", ratio, "apart", f"{BAUD} baud; of the limits {limits:.2f}")
    for name, (seconds, limit) in times.items():
        detail = f"{seconds:.1f} s; its bytes alone {limit:.1f} s"
        show(f"{count}: {name} / limit", seconds / limit, "apart", detail)


def timed(program: Path, talk: Talk, inputs: Sequence[bytes]) -> tuple[float, float]:
    """Return the seconds for all inputs, and those that the bytes alone take on the line."""
    wire = Wire(BAUD)
    with port([str(program)], wire) as line:
        infer = talk(Channel(line.fileno(), name="pty"))
        begin, before = time.perf_counter(), wire.seconds
        for data in inputs:
            infer(data)
        return time.perf_counter() - begin, wire.seconds - before


def over_link(channel: Channel) -> Infer:
    """Open a session of the link."""
    client = LinkClient(channel, baud=BAUD)
    client.hello(BUILD_ID)

    def infer(data: bytes) -> None:
        if client.infer(data).output != data[:OUTPUT_SIZE]:
            raise SystemExit("the link's answer is not the input's first bytes")

    return infer


def over_mlperf(channel: Channel) -> Infer:
    """Begin a conversation of MLPerf Tiny's."""
    client = MlperfClient(channel, baud=BAUD)
    client.detect()

    def infer(data: bytes) -> None:
        client.load(data, "a vector")
        values = client.infer(1, 0).values  # (q + 128) / 256, cut off after three decimals
        if [math.ceil(float(value) * 256) ^ 128 for value in values] != list(data[:OUTPUT_SIZE]):
            raise SystemExit("MLPerf Tiny's answer is not the input's first bytes")

    return infer
