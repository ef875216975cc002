"""The history of a run's measured numbers: the numbers of earlier runs like it."""

from collections.abc import Mapping, Sequence
from functools import cache

from harness.results.judge.compare import History, Sample
from harness.results.judge.metrics import metric_of
from harness.results.record import Record
from harness.results.store.open_results import open_store
from harness.workspace import Workspace


def history_of(record: Record, url: str, workspace: Workspace) -> History:
    """Return the history in the store at `url`, or in the workspace's index if `url` is empty.

    The history has the passed runs with the same target, model, engine, toolchain, flag and
    vectors, oldest first. The store is opened at the first call.
    """
    image = record.image

    @cache
    def read() -> Mapping[str, Sequence[Sample]]:
        with open_store(url, workspace) as store:
            entries = store.find(
                target=record.target.name,
                model=record.model.name,
                engine=record.engine,
                toolchain=image.toolchain,
                optimize=image.optimize,
            )
            alike = {
                entry.id
                for entry in entries
                if entry.vectors == record.model.vectors and entry.verdict == "passed"
            }
            return {
                name: [
                    (point.id, point.value)
                    for point in store.series(
                        name, target=record.target.name, model=record.model.name
                    )
                    if point.id in alike and point.kind == "measured"
                ]
                for name, number in record.numbers.items()
                if number.kind == "measured" and metric_of(name).compared
            }

    return lambda name: read().get(name, ())
