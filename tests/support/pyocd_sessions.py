"""Sessions of stock pyOCD with virtual boards."""

import contextlib
from collections.abc import Iterator
from typing import Any

from pyocd.core.session import Session
from pyocd.probe.aggregator import DebugProbeAggregator

from harness.simulator.board_process import VirtualBoard


@contextlib.contextmanager
def session(board: VirtualBoard, target: str | None = None, **options: Any) -> Iterator[Any]:
    """Yield an open pyOCD session; it is always closed."""
    (probe,) = DebugProbeAggregator.get_all_connected_probes(unique_id=board.probe_id)
    settings = {"no_config": True, "connect_mode": "under-reset", "resume_on_disconnect": False}
    settings |= {"target_override": target or board.chip, "hide_programming_progress": True}
    opened = Session(probe, auto_open=False, options={**settings, **options})
    try:
        opened.open()
        yield opened
    finally:
        opened.context_state.suppress_disconnect_error = True
        opened.close()
