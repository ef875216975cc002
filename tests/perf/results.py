"""What a year of records costs: 365 nights, 5 models, 3 targets, and 20 real runs among them."""

import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.results.store.open_results import open_store
from harness.results.store.store import Store
from harness.workspace import Workspace
from tests.support import postgres
from tests.support.store_campaign import add_records
from tests.support.year import MODELS, SILICON, write_year

REAL = ("virtual-stm32", "virtual-stm32l475", "virtual-nrf52840", "qemu-stm32")
SERIES = """\
from pathlib import Path
from harness.results.store.open_results import open_store
from harness.workspace import Workspace
with open_store("", Workspace(Path.cwd())) as store:
    assert len(store.series("cycles_median", model="digits", target="{target}")) == 365
"""

CLIENTS = 50
EACH = 20  # Records of a client

Show = Callable[[str, float, str, str], None]


def results(root: Path, show: Show) -> None:
    """Print what the local index takes for a year in `root`, and what PostgreSQL does."""
    workspace = Workspace(root)
    count = write_year(workspace.runs)
    targets = [f"--target={name}" for name in REAL]
    harness = [sys.executable, "-m", "harness", "run", *targets]
    subprocess.run(harness, cwd=root, check=True, capture_output=True)
    paths = list(workspace.runs.iterdir())
    size = sum(path.stat().st_size for path in paths) / 1e6
    took, store = timed(lambda: open_store("", workspace))
    detail = f"{len(paths)} files, {len(paths) - count} of real runs, {size:.0f} MB"
    show("a year of records indexed", took, "≤ 30 s", detail)
    megabytes = workspace.index.stat().st_size / 1e6
    show("the index / its records, bytes", megabytes / size, "apart", f"{megabytes:.0f} MB")
    store.engine.dispose()
    took, store = timed(lambda: open_store("", workspace))
    show("the index looked through again", took, "apart", "no file is new")
    with store:
        queries(store, "", show)
    code = SERIES.format(target=SILICON)
    took, _ = timed(
        lambda: subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=60)
    )
    show("a series in a process of its own", took, "≤ 2 s", "Python, imports and all")
    trend(root, show)
    report(root, show)
    if reason := postgres.why_not():
        print(f"on PostgreSQL: {reason}")
    else:
        on_postgresql(workspace.runs, show)


def trend(root: Path, show: Show) -> None:
    """Print what a trend of one model on all targets takes, in a process of its own."""
    command = [sys.executable, "-m", "harness", "trend", "--metric=cycles", "--model=digits"]
    took, _ = timed(
        lambda: subprocess.run(command, cwd=root, check=True, timeout=60, capture_output=True)
    )
    show("a year's trend", took, "≤ 2 s", "3 targets; Python, imports and all")


def report(root: Path, show: Show) -> None:
    """Print what the report of the year takes, in a process of its own, and its size."""
    command = [sys.executable, "-m", "harness", "report"]
    took, _ = timed(lambda: subprocess.run(command, cwd=root, check=True, timeout=120))
    show("a year's report", took, "≤ 10 s", "Python, imports and all")
    size = Workspace(root).report.stat().st_size / 1e6
    show("a year's report, MB", size, "≤ 5", "one file")


def on_postgresql(folder: Path, show: Show) -> None:
    """Print what the same takes on a server of its own."""
    from harness.results.store.push import push  # noqa: PLC0415 - only where there is a server

    with postgres.server() as socket:
        url = postgres.database(socket)
        took, (added, *_) = timed(lambda: push([folder], url))
        show("PostgreSQL: a year pushed", took, "≤ 30 s", f"{added} records")
        with Store(url) as store:
            queries(store, "PostgreSQL: ", show)
        many_clients(postgres.database(socket), folder.parent, show)


def many_clients(url: str, root: Path, show: Show) -> None:
    """Print what it takes if many processes add Records at the same time, each in a session."""
    context = multiprocessing.get_context("fork")  # importing so often would be measured, too
    workspaces = [Workspace(root / f"client-{number}") for number in range(CLIENTS)]
    clients = [
        context.Process(target=add_records, args=(url, workspace, number, EACH, number, 0.0))
        for number, workspace in enumerate(workspaces)
    ]
    Store(url).engine.dispose()  # the tables are there

    def push_all() -> None:
        for client in clients:
            client.start()
        for client in clients:
            client.join(300)

    took, _ = timed(push_all)
    with Store(url) as store:
        lost = CLIENTS * EACH - len(store.find())
    failed = sum(client.exitcode != 0 for client in clients)
    detail = f"{CLIENTS} processes, {EACH} Records each; {lost} lost, {failed} failed"
    show("PostgreSQL: many clients at once", took, "≤ 60 s", detail)


def queries(store: Store, where: str, show: Show) -> None:
    """Print what is asked of a store for a trend."""
    from harness.results.store.dataframes import frame_of  # noqa: PLC0415 - pandas is not timed

    took, points = timed(lambda: store.series("cycles_median", model="digits", target=SILICON))
    show(f"{where}a series", took, "≤ 2 s", f"{len(points)} points")
    took, trends = timed(lambda: [store.series("flash", model=model) for model in MODELS])
    show(f"{where}a series of every model", took, "≤ 2 s", f"{sum(map(len, trends))} points")
    took, entries = timed(store.find)
    show(f"{where}all runs listed", took, "≤ 2 s", f"{len(entries)} runs")
    took, table = timed(lambda: frame_of(store))
    memory = table.memory_usage(deep=True).sum() / 1e6
    show(f"{where}a frame of everything", took, "apart", f"{len(table)} rows, {memory:.0f} MB")


def timed(action: Callable[[], Any]) -> tuple[float, Any]:
    """Return how many seconds `action` took, and what it returned."""
    begin = time.perf_counter()
    returned = action()
    return time.perf_counter() - begin, returned
