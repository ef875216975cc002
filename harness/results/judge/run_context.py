"""The facts about a run besides its numbers; a difference may be the cause of a change."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.results.record import Record


@dataclass(frozen=True)
class Fact:
    """A property that differs between two runs."""

    name: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.name}: {self.old or 'none'} → {self.new or 'none'}"


def differences(old: Record, new: Record) -> list[Fact]:
    """Return the facts that differ, in the order of `facts`."""
    before, after = facts(old), facts(new)
    return [
        Fact(name, before.get(name, ""), after.get(name, ""))
        for name in dict.fromkeys((*before, *after))
        if before.get(name, "") != after.get(name, "")
    ]


def facts(record: Record) -> Mapping[str, str]:
    """Return the facts about a run by name; digests are shortened."""
    target, model, image = record.target, record.model, record.image
    return {
        "target": target.name,
        "MCU": f"{target.mcu} ({target.core})",
        "model": f"{model.name} {model.digest[:12]}",
        "vectors": model.vectors[:12],
        "quality metric": model.metric,
        "engine": image.engine_version or image.engine,
        "compiler": f"{image.toolchain}, {image.compiler}",
        "flags": image.optimize,
        "emulator or probe": f"{target.board}, {target.version}",
        "counter": record.counter,
        "conversion": _conversion(record),
        "golden": model.golden_source,
        "protocol": record.protocol,
        "carrier": record.carrier,
        "input_via": record.input_via,
        "load": record.load,
        "clock": _clock(record),
        **_meter(record),
        "harness": record.host.harness,
    }


def provenance(old: Record, new: Record) -> str:
    """Return whether both ran the same image, or between which commits the image changed.

    Empty outside git.
    """
    if old.image.build_id == new.image.build_id:
        return "the image is the same, byte for byte"
    before, after = commit_of(old), commit_of(new)
    if before == after:
        return f"another image from the same commit {before}" if before else ""
    return f"commits: {before or 'unknown'} → {after or 'unknown'}"


def commit_of(record: Record) -> str:
    """Return the short commit hash, and whether files differed from it; empty outside git."""
    if record.commit is None:
        return ""
    return record.commit.hash[:10] + (" with changes" if record.commit.dirty else "")


def _conversion(record: Record) -> str:
    """Return how instructions were computed from ticks; empty if a tick is an instruction."""
    if record.conversion is None:
        return ""
    nanoseconds = 1 << record.conversion.icount_shift
    return f"{nanoseconds:,} ns per instruction, counter at {record.conversion.counter_hz:,} Hz"


def _clock(record: Record) -> str:
    """Return the clock that converts cycles to time; empty if there is none."""
    for name in ("median", "estimated"):
        cycles, seconds = (record.numbers.get(f"{unit}_{name}") for unit in ("cycles", "latency"))
        if seconds and seconds.kind == "measured" and seconds.error is not None:
            return "measured"  # a little different in each run; the number `clock` has its value
        if cycles and seconds and seconds.value:
            return f"{cycles.value / seconds.value / 1e6:.6g} MHz"
    return ""


def _meter(record: Record) -> Mapping[str, str]:
    energy = record.energy
    if energy is None:
        return {}
    return {"meter": energy.meter, "supply": f"{energy.volts:.1f} V"}
