"""What tells runs of one combination apart, for the rows of a table."""

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.report.plain_text import built_with
from harness.results.record import Record

_DIGITS = 8  # of a hash, enough to see that two differ


def labels_of(records: Sequence[Record]) -> list[str]:
    """Return a label for each record; it is empty if the combination tells it from the others.

    A model may have other vectors or another network than a model of the same name. Records of the
    same image and vectors are repeated runs, and are numbered.
    """
    groups: dict[object, list[Record]] = {}
    for record in records:
        groups.setdefault(record.combination, []).append(record)
    labels = {
        id(record): label
        for group in groups.values()
        for record, label in zip(group, _labels(group), strict=True)
    }
    return [labels[id(record)] for record in records]


def details_of(records: Sequence[Record]) -> list[str]:
    """Return engine and build of each record, if the records have several, and its label."""
    engines = len({record.image.engine for record in records}) > 1
    builds = len({built_with(record.image) for record in records}) > 1
    return [
        ", ".join(
            filter(None, (record.image.engine * engines, built_with(record.image) * builds, label))
        )
        for record, label in zip(records, labels_of(records), strict=True)
    ]


def _labels(alike: Sequence[Record]) -> Iterator[str]:
    hashes = [_hashes(record) for record in alike]
    shown = [name for name in hashes[0] if len({each[name] for each in hashes}) > 1]
    if len(shown) > 1 and "image" in shown:
        shown.remove("image")  # it differs because of the others
    runs = Counter(tuple(each.values()) for each in hashes)
    seen: Counter[tuple[str, ...]] = Counter()
    for each in hashes:
        key = tuple(each.values())
        seen[key] += 1
        number = [f"run {seen[key]}"] if runs[key] > 1 else []
        yield ", ".join([*(f"{name} {each[name][:_DIGITS]}" for name in shown), *number])


def _hashes(record: Record) -> dict[str, str]:
    return {
        "network": record.model.digest,
        "vectors": record.model.vectors,
        "image": record.image.build_id,
    }
