"""Whether two machines recorded the same: all that is not measured, of images with one build ID."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.results.record import Record
from harness.results.record_file import read_record


def records_in(folder: Path) -> Mapping[str, Record]:
    """Return the Records in a folder, by the model's name."""
    records = (read_record(path) for path in sorted(folder.glob("*.json")))
    return {record.model.name: record for record in records}


def differences(one: Mapping[str, Record], other: Mapping[str, Record]) -> Iterator[str]:
    """Yield each difference between the Records of two machines, as a line for a person."""
    if not one or one.keys() != other.keys():
        yield f"the models are {sorted(one)} and {sorted(other)}"
    for name in sorted(one.keys() & other.keys()):
        facts = (facts_of(one[name]), facts_of(other[name]))
        for fact in sorted(facts[0].keys() | facts[1].keys()):
            values = [side.get(fact, "absent") for side in facts]
            if values[0] != values[1]:
                yield f"{name}: {fact} is {values[0]} and {values[1]}"


def facts_of(record: Record) -> dict[str, object]:
    """Return what does not depend on the machine: the exact and estimated numbers, and their image.

    The bytes of the outputs are compared through golden: `bytes_differing` is exact. The build ID
    is the digest of everything that the image was built from.
    """
    numbers = {
        name: number.value for name, number in record.numbers.items() if number.kind != "measured"
    }
    return {
        **numbers,
        "verdict": record.verdict,
        "reasons": record.reasons,
        "target": record.target,
        "model": record.model,
        "image": record.image,
        "memory": record.memory,
        "layers": record.layers,
        "ticks": record.ticks,
    }
